"""Shared by all tests: a clean session, and Keras's oracle on JAX before anything imports it."""

import os
import signal
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
if "device_count" not in os.environ.get("XLA_FLAGS", ""):  # two devices, for tests of where a model trains
    count = max(2, int(os.environ.get("JKERAS_TEST_DEVICES", "0")))
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + f" --xla_force_host_platform_device_count={count}"

# Programs of tests run once or twice. XLA's optimizations take a third of the time to compile, and gain nothing there. The programs
# of the long tests have them (see the Makefile), as those of users. So tests that compare the last bits with Keras's are long ones.
if not os.environ.get("JKERAS_TEST_OPTIMIZED"):
    os.environ["XLA_FLAGS"] += " --xla_backend_optimization_level=0"

import jax
import pytest

import jkeras
from jkeras.training import engine

# What one test has compiled, others need not compile again, in this run of the tests or in the next. Each worker has a folder of its
# own, because JAX writes such files in several steps. Processes that tests start are not told of it.
_PROGRAMS = os.path.join(
    os.path.dirname(__file__), "..", ".pytest_cache", "programs", os.environ.get("PYTEST_XDIST_WORKER", "all")
)
jax.config.update("jax_compilation_cache_dir", os.path.abspath(_PROGRAMS))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

collect_ignore = ["compat/programs"]  # programs, which a test runs in processes of their own

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has taken away from what it runs in the background


DEVICES = int(os.environ.get("JKERAS_TEST_DEVICES", "0"))  # to run tests, of trainers mostly, under DataParallel on so many


@pytest.fixture(autouse=True)
def _on_several_devices():
    if DEVICES == 0:
        yield
        return
    names = jkeras.distribution.list_devices()[:DEVICES]
    with jkeras.distribution.DataParallel(devices=names).scope():
        yield


@pytest.fixture
def large_calls(monkeypatch):
    """A call of a compiled loop runs as many steps as it may, on a slow machine, too."""
    monkeypatch.setattr(engine, "TARGET_SECONDS", 1e6)


@pytest.fixture(scope="module", autouse=True)
def _clean_session():
    """Each file starts afresh: names are counted from the beginning, and no program is there that other files have made."""
    jkeras.utils.clear_session(free_memory=False)
    if "keras" in sys.modules:  # which counts names, too
        sys.modules["keras"].utils.clear_session(free_memory=False)
    yield
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if resident > 3 * 2**30:
        jkeras.utils.clear_session()
