"""Layers that act in training only, or on the loss, to keep a model from fitting noise."""

from typing import Any

from jkeras import random
from jkeras.layers.options import Configured

__all__ = ["Dropout"]


class Dropout(Configured):
    """In training, sets a fraction `rate` of the inputs to zero and scales the rest by `1 / (1 - rate)`.

    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    Args:
        rate: the fraction, from 0 to 1.
        noise_shape: the shape of the mask, broadcast against the inputs; None (or None in it) for the inputs' own.
        seed: an integer; by default a random one.

    Raises:
        ValueError: `rate` is outside [0, 1].

    >>> import numpy as np
    >>> x = np.ones((2, 4), "float32")
    >>> Dropout(0.5, seed=1)(x).tolist() == x.tolist()          # only in training
    True
    >>> sorted(set(np.asarray(Dropout(0.5, seed=1)(x, training=True)).ravel().tolist()))
    [0.0, 2.0]
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(f"Dropout needs a rate between 0 and 1, got rate={rate!r}.")
        self.rate, self.seed = rate, seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, noise_shape=self.noise_shape, seed=self.seed_generator)
