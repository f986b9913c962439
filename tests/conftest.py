"""Shared by all tests: a clean session, and Keras's oracle on JAX before anything imports it."""

import os
import signal

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has taken away from what it runs in the background
