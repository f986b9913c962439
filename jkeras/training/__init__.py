"""Compiled training: one XLA program runs many steps of `fit`."""
