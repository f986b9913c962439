"""Shared by all tests: a clean session, and Keras's oracle on JAX before anything imports it."""

import os
import signal

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
if "device_count" not in os.environ.get("XLA_FLAGS", ""):  # two devices, for tests of where a model trains
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has taken away from what it runs in the background
