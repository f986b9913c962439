"""Shared by all tests: a clean session, and Keras's oracle on JAX before anything imports it."""

import os
import signal

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
if "device_count" not in os.environ.get("XLA_FLAGS", ""):  # two devices, for tests of where a model trains
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"

import pytest

import jkeras

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has taken away from what it runs in the background


@pytest.fixture(scope="module", autouse=True)
def _clean_session():
    """Each file starts afresh: names are counted from the beginning, and no program is there that other files have made."""
    jkeras.utils.clear_session(free_memory=False)
    yield
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if resident > 3 * 2**30:
        jkeras.utils.clear_session()
