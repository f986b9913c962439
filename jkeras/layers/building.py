"""Building a layer: its weights are made when the shapes of its inputs are known."""

import functools
from collections.abc import Callable
from typing import Any

from jkeras.core import symbolic
from jkeras.core.containment import contained
from jkeras.core.undo import all_or_nothing
from jkeras.layers.signatures import CallSpec, call_spec, holds_tensors, shapes_of, specs_of
from jkeras.layers.stateless import Stateless
from jkeras.serialization.naming import scope


class Built(Stateless):
    """A module that `build` makes the weights of."""

    _build_shapes: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _mark_built(cls.__dict__["build"])  # type: ignore[method-assign]

    def build(self, input_shape: Any) -> None:
        """Make the weights, for inputs of the given shape. By default: build the sublayers, by a call on shapes alone.

        Called by a class that overrides it, it makes nothing: the class's own `build` does, or the first call.
        """
        if input_shape is not None and self.needs_no_build and any(not layer.built for layer in self._sublayers()):
            symbolic.infer(self, (specs_of(input_shape, self.compute_dtype),))
        self.built = True

    @property
    def needs_no_build(self) -> bool:
        """True if the class leaves `build` as it is here; a layer without weights or sublayers is built from the start then."""
        return type(self).build is Built.build

    def _build_for(self, spec: CallSpec, args: tuple, kwargs: dict) -> None:
        """Call `build` with the shapes of the arguments that are tensors."""
        shapes = self._shapes_of_arguments(spec, args, kwargs)
        if not shapes and args:
            raise ValueError(
                f"Layer {self.name!r} was called on {args[0]!r}, of type {type(args[0]).__name__}. Pass an array: "
                "layer(np.asarray(x))."
            )
        wanted = call_spec(type(self).build).names
        if (len(shapes) > 1 and len(wanted) > 1) or set(wanted) & {f"{k}_shape" for k in shapes}:
            for name in wanted:
                if not name.endswith("_shape") or name.removesuffix("_shape") not in spec.names:
                    wrong = (
                        "does not end in `_shape`"
                        if not name.endswith("_shape")
                        else f"names no argument of `call({', '.join(spec.names)})`"
                    )
                    raise ValueError(
                        f"Layer {self.name!r} ({type(self).__name__}): build() with several arguments gets the shapes of "
                        f"the arguments of call() by name, but it has the argument `{name}`, which {wrong}."
                    )
            shapes = {f"{k}_shape": v for k, v in shapes.items()}
            self.build(**{k: shapes.get(k) for k in wanted if k in shapes})
        elif type(self).build is not Built.build and shapes:
            self.build(next(iter(shapes.values())))
        # Otherwise there is nothing to declare: sublayers build themselves when `call` reaches them.

    def _shapes_of_arguments(self, spec: CallSpec, args: tuple, kwargs: dict) -> dict[str, Any]:
        """The shapes of the arguments that are tensors, masks left out."""
        named = spec.named(args, kwargs)
        return {k: shapes_of(v) for k, v in named.items() if holds_tensors(v) and not k.endswith("mask")}

    def get_build_config(self) -> dict | None:
        """Return the arguments of `build`, so that a loaded layer can be built before its weights are read."""
        shapes = self.__dict__.get("_build_shapes")
        if shapes is not None and len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return None if shapes is None else {"shapes_dict": shapes}

    def build_from_config(self, config: dict) -> None:
        """Build from `get_build_config()`."""
        if not self.built and config:
            self.build(**config["shapes_dict"]) if "shapes_dict" in config else self.build(*config.values())


def _mark_built(build: Callable) -> Callable:
    if getattr(build, "marks_built", False):
        return build

    @functools.wraps(build)
    @contained
    def wrapped(self: Built, *args: Any, **kwargs: Any) -> None:
        with all_or_nothing(self):
            with scope(self):
                self._note_path()
                build(self, *args, **kwargs)
            self.built = True
            if not self._trainable:
                self.trainable = False  # the layers that were made inside, too
            self._build_shapes = dict(zip(call_spec(build).names, args, strict=False)) | kwargs

    wrapped.marks_built = True  # type: ignore[attr-defined]
    return wrapped
