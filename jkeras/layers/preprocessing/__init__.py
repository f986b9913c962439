"""Layers that prepare data inside a model: they run in the compiled step, like every other layer."""
