"""Shared by all tests: a clean session, and Keras's oracle on JAX before anything imports it."""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
