"""Compiled training: from `fit`'s arguments to one XLA program that runs many steps, and back."""
