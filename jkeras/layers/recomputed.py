"""Recomputation of layers in the backward pass; `core/remat.py` explains it."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax

from jkeras.core import frame as frames
from jkeras.core.module import Module
from jkeras.core.remat import RematScope, recompute, remat
from jkeras.serialization.naming import is_outermost


class Recomputed(Module):
    """The part of `Layer` that implements `RematScope`."""

    name: str
    _remat: RematScope | None  # the scope in which the layer was made

    def rematerialized_call(self, layer_call: Callable, *args: Any, **kwargs: Any) -> Callable:
        """A call that is recomputed in the backward pass, as the `RematScope` says in which the layer was made.

        Args:
            layer_call: `call`, or `quantized_call`.
            *args, **kwargs: of the call, for Keras's signature.
        """
        wish = self._remat
        if wish is None or is_outermost(self):
            return layer_call
        activation = self.__dict__.get("activation")
        if wish.mode == "activations":
            return (
                layer_call if activation is None else functools.partial(self._with_activation, remat(activation), layer_call)
            )
        if wish.mode == "list_of_layers" and self.name not in wish.layer_names:
            return layer_call

        def recomputed(*args: Any, **kwargs: Any) -> Any:
            if wish.mode == "larger_than" and not frames.current().abstract:  # type: ignore[union-attr]
                sizes = [math.prod(x.shape) for x in jax.tree.leaves(self.build_abstractly(*args, **kwargs))]
                if not any(size > wish.output_size_threshold for size in sizes):
                    return layer_call(*args, **kwargs)
            kept = [*self.slots().values(), *(v for metric in self.own_metrics() for v in metric.slots().values())]
            return recompute(layer_call, args, kwargs, kept)

        return recomputed

    def _with_activation(self, activation: Callable, layer_call: Callable, *args: Any, **kwargs: Any) -> Any:
        own = self.__dict__["activation"]
        self.__dict__["activation"] = activation
        try:
            return layer_call(*args, **kwargs)
        finally:
            self.__dict__["activation"] = own
