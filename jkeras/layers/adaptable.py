"""Layers whose weight can be stored in another form (quantized), and adapted by a product of two small matrices (LoRA).

Normally the weight is an ordinary attribute. After `quantize` or `enable_lora`, it is a `Held`. The `Held` has a form
(`forms.py`, `calibrated.py`) and an adapter. The layer uses it to compute the product with the weight, to read rows
of it, and to get the value of its attribute. The layer itself only defines, in `layout`, how its product uses the
weight.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras import ops
from jkeras.core.policy import get_policy
from jkeras.core.undo import all_or_nothing
from jkeras.core.variable import Variable
from jkeras.layers.calibrated import Awq, Gptq
from jkeras.layers.forms import Float8, Form, Int4, Int8, Product
from jkeras.layers.layout import Layout
from jkeras.layers.options import Configured
from jkeras.serialization import serialize
from jkeras.serialization.naming import current_path, scope

FORMS: dict[str, type[Form]] = {"int8": Int8, "int4": Int4, "float8": Float8, "gptq": Gptq, "awq": Awq}


class Adapter:
    """A low-rank change of a weight, `alpha / rank * a @ b` (Hu et al. 2021, arXiv:2106.09685); `a` and `b` are trained."""

    def __init__(self, a: Variable, b: Variable, alpha: float, low_rank: bool):
        self.a, self.b, self.scale, self.low_rank = a, b, alpha / a.shape[-1], low_rank

    def change(self) -> jax.Array:
        """Return the change that is added to the weight."""
        return self.scale * (self.a.value @ self.b.value)

    def product(self, function: Product, inputs: jax.Array) -> jax.Array:
        """Return the term that is added to `function(inputs, weight)`. It is computed with the small matrices where
        that is possible.
        """
        if not self.low_rank:
            return function(inputs, self.change())
        return self.scale * (function(inputs, self.a.value) @ self.b.value)

    def rows(self, indices: jax.Array) -> jax.Array:
        """Return the term that is added to rows of the weight."""
        return self.scale * (jnp.take(self.a.value, indices, axis=0) @ self.b.value)


class Held:
    """A weight of a layer that is stored in a form, with or without an adapter."""

    def __init__(self, form: Form, adapter: Adapter | None = None):
        self.form, self.adapter = form, adapter

    def value(self) -> Any:
        """The value of the layer's attribute with the weight's name."""
        if self.adapter is None:
            return self.form.value()
        return (self.form.value() + self.adapter.change()).astype(self.form.layer.compute_dtype)

    def product(self, function: Product, inputs: jax.Array, training: bool | None) -> jax.Array:
        """`function(inputs, weight)`."""
        outputs = self.form.product(function, inputs, training)
        return outputs if self.adapter is None else (outputs + self.adapter.product(function, inputs)).astype(outputs.dtype)

    def rows(self, indices: jax.Array) -> jax.Array:
        """Rows of the weight, as floats."""
        rows = self.form.rows(indices)
        return rows if self.adapter is None else (rows + self.adapter.rows(indices)).astype(rows.dtype)

    def values(self) -> dict[str, Any]:
        """Return the arrays that files store for the weight, by the names of the form. They include the change of the
        adapter.
        """
        if self.adapter is None:
            return {}
        merged = self.form.dense() + self.adapter.change()
        return self.form.encode(np.asarray(merged, np.asarray(self.form.dense()).dtype))


def stored(name: str) -> Any:
    """The variable that stands for the weight `name`, under Keras's private name for it."""
    return property(
        lambda self: self._held[name].form.stored if name in self._held else getattr(self, name),
        lambda self, value: setattr(self, name, value),
        doc=f"The variable that holds `{name}`.",
    )


class Adaptable(Configured):
    """A layer with a weight that can be quantized and adapted.

    Args:
        lora_rank: the rank of a change that is trained in the place of the weight; see `enable_lora`. None means that the
            weight itself is trained.
        lora_alpha: the strength of that change; None means `lora_rank`.
        quantization_config: how the layer was quantized, in the config of a layer that was; see `quantize`.
        gptq_unpacked_column_size: what Keras's configs of layers have that were quantized by GPTQ. It follows from the shapes.
    """

    adapted = "kernel"  # the weight that an adapter changes
    modes: tuple[str, ...] = ("int8", "int4", "float8", "gptq", "awq")

    _held: dict[str, Held]
    lora_enabled: bool

    def __init__(self, *, lora_rank: int | None = None, lora_alpha: float | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.lora_rank, self.lora_alpha = lora_rank, lora_alpha if lora_alpha is not None else lora_rank
        self.lora_enabled = False
        self.quantization_config: Any = None
        self._held = {}  # by weight: those that are no attributes

    # -- what layers say ----------------------------------------------------------------------------------------------

    def layout(self, name: str, shape: tuple[int, ...]) -> Layout:
        """Return the `Layout` of a weight: the way in which the layer's product uses it."""
        raise TypeError(f"{type(self).__name__} must define layout(), which describes how its product uses {name!r}.")

    # -- what layers ask ----------------------------------------------------------------------------------------------

    def hold(self, name: str, shape: tuple[int, ...], **kwargs: Any) -> None:
        """Make a weight, in the form that the policy says."""
        if self.quantization_mode in self.modes:
            self._hold(name, shape).form.build()
        else:
            setattr(self, name, self.weight(name, shape, **kwargs))

    def product(self, name: str, function: Product, inputs: Any, training: bool | None = None) -> Any:
        """`function(inputs, weight)`."""
        held = self._held.get(name)
        return function(inputs, getattr(self, name).value) if held is None else held.product(function, inputs, training)

    def rows(self, name: str, indices: Any) -> Any:
        """Rows of a weight, as floats of the compute dtype."""
        held = self._held.get(name)
        if held is not None:
            return held.rows(indices)
        return ops.take(getattr(self, name), indices, axis=0).astype(self.compute_dtype)

    def adapt_if_asked(self) -> None:
        """Enable the adapter that the constructor was asked for; the last thing that `build` does."""
        if self.lora_rank:
            self._adapt(self.lora_rank, self.lora_alpha, "he_uniform", "zeros")

    def _hold(self, name: str, shape: tuple[int, ...], mode: str | None = None, variable: Variable | None = None) -> Held:
        wanted = mode or self.quantization_mode
        kind = FORMS[wanted] if wanted in self.modes and wanted is not None else Form
        held = self._held.get(name)
        form = kind(self, name, self.layout(name, tuple(shape)), variable, self.quantization_config)
        self._held[name] = Held(form, None if held is None else held.adapter)
        self.__dict__.pop(name, None)
        return self._held[name]

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """A block in which variables are made after the layer was built. They get the layer's path. If an error occurs,
        none is made.
        """
        with all_or_nothing(self, ()):
            around = self.path.rpartition("/")[0]
            if current_path() == self._path or not around:
                yield
            else:
                with scope(SimpleNamespace(name=around)):
                    yield

    def forget(self, variable: Variable) -> None:
        """Give up a variable: it is none of the layer's any more."""
        self._weights = [v for v in self._weights if v is not variable]

    def __getattr__(self, name: str) -> Any:
        held = self.__dict__.get("_held", {}).get(name)
        return super().__getattr__(name) if held is None else held.value()

    # -- adaptation ---------------------------------------------------------------------------------------------------

    def enable_lora(
        self, rank: int, lora_alpha: float | None = None, a_initializer: Any = "he_uniform", b_initializer: Any = "zeros"
    ) -> None:
        """Freeze the weight, and train a change of low rank, `lora_alpha / rank * a @ b`, in its place.

        Files get the sum of both; loading one starts the change from zero.

        Args:
            rank: how many columns `a` and rows `b` have.
            lora_alpha: strength of the change; by default `rank`.
            a_initializer, b_initializer: of the two; the default makes no change at first.

        Raises:
            ValueError: the layer is not built, or adapted already, or its weight has a constraint.
            NotImplementedError: the layer was quantized by GPTQ or AWQ.

        >>> import jkeras, numpy as np
        >>> layer = jkeras.layers.Dense(4)
        >>> _ = layer(np.ones((1, 8), "float32"))
        >>> layer.enable_lora(2)
        >>> [v.name for v in layer.trainable_weights]
        ['bias', 'lora_kernel_a', 'lora_kernel_b']
        """
        if getattr(self, f"{self.adapted}_constraint") is not None:
            raise ValueError(
                f"Lora is incompatible with {self.adapted} constraints: layer {self.name!r} has {self.adapted}_constraint=. "
                "Leave it out."
            )
        if not self.built:
            raise ValueError(
                f"Cannot enable lora on a layer that isn't yet built: call {self.name!r} on data, or build(), first."
            )
        if self.lora_enabled:
            raise ValueError(f"lora is already enabled for layer {self.name!r}. This can only be done once per layer.")
        self._adapt(rank, lora_alpha, a_initializer, b_initializer)

    def _adapt(self, rank: int, alpha: float | None, a_initializer: Any, b_initializer: Any) -> None:
        name = self.adapted
        if not isinstance(rank, int) or rank <= 0:
            raise ValueError(f"Layer {self.name!r} needs a positive integer rank for lora, got rank={rank!r}.")
        held = self._held.get(name)
        if held is None:
            variable = getattr(self, name)
            held = self._hold(name, variable.shape, "none", variable)
        if isinstance(held.form, Gptq):
            raise NotImplementedError(
                f"Layer {self.name!r} was quantized by {held.form.mode.upper()}, whose weights cannot take in a change: enable lora "
                "before, and save and load the model, or quantize it to int8 or int4."
            )
        layout = held.form.layout
        options = {"dtype": "float32", "regularizer": getattr(self, f"{name}_regularizer")}
        with self._inside():
            a = self.add_weight((*layout.shape[:-1], rank), a_initializer, name=f"lora_{name}_a", **options)
            b = self.add_weight((rank, layout.shape[-1]), b_initializer, name=f"lora_{name}_b", **options)
            setattr(self, f"lora_{name}_a", a)
            setattr(self, f"lora_{name}_b", b)
        self.lora_rank, self.lora_alpha, self.lora_enabled = rank, rank if alpha is None else alpha, True
        held.adapter = Adapter(a, b, self.lora_alpha, layout.low_rank)
        held.form.stored.trainable, held.form.stored.adapted = False, True  # type: ignore[union-attr]

    # -- quantization -------------------------------------------------------------------------------------------------

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        """Hold the layer's weight in another form, in the place of floats.

        Args:
            mode: `"int8"` and `"int4"` hold integers with scales, `"float8"` trains with products in 8 bits, and `"gptq"` and
                `"awq"` wait for a model's `quantize`, which shows them data.
            type_check: refuse a subclass, whose own code may read the weight.
            config: a `QuantizationConfig`; by default that of the mode.

        Raises:
            ValueError: the layer is not built or already quantized, or the arguments contradict each other.
            NotImplementedError: the layer has no such form, or is of a subclass.
        """
        if type_check and not type(self).__module__.startswith("jkeras."):
            raise NotImplementedError(
                f"Layer {type(self).__name__} does not have a `quantize` method of its own; with type_check=False that of the class "
                "it is made from is used."
            )
        if mode not in self.modes:
            raise NotImplementedError(
                f"Invalid quantization mode. Expected one of {self.modes} for layer {self.name!r} ({type(self).__name__}). "
                f"Received: quantization_mode={mode}"
            )
        self.quantization_config = config
        with self._inside():
            for name, variable in self._quantizable().items():
                weight = np.asarray(variable.value) if mode in ("int8", "int4") else None
                if weight is not None:
                    self.forget(variable)
                self._hold(name, variable.shape, mode, None if weight is not None else variable).form.take_in(weight)
        if self._policy.quantization_mode is None:
            self._set_policy(get_policy(f"{config.dtype_policy_string()}_from_{self._policy.name}"))

    def stay_float(self) -> None:
        """Go back to the float weight, if integers have not been chosen yet."""
        for name, held in list(self._held.items()):
            if isinstance(held.form, Gptq) and not held.form.calibrated:
                for attribute in held.form.made:
                    self.forget(self.__dict__.pop(attribute))
                setattr(self, name, held.form.stored)
                del self._held[name]
        self.quantization_config = None
        self._set_policy(get_policy(self._policy.name.partition("_from_")[2] or self._policy))

    def _quantizable(self) -> dict[str, Variable]:
        """The weights that take another form, by name."""
        held = self._held.get(self.adapted)
        return {self.adapted: getattr(self, self.adapted) if held is None else held.form.stored}  # type: ignore[dict-item]

    @property
    def _is_quantized(self) -> bool:  # type: ignore[override]
        return any(type(held.form) is not Form for held in self._held.values())

    def quantized_build(self, kernel_shape: Any, mode: str, config: Any = None) -> None:
        """Make the variables of a form.

        Args:
            kernel_shape: the shape of the weight.
            mode: the form.
            config: see `quantize`.
        """
        if mode not in self.modes:
            raise NotImplementedError(
                f"Invalid quantization mode. Expected one of {self.modes} for layer {self.name!r} ({type(self).__name__}). "
                f"Received: quantization_mode={mode}"
            )
        self.quantization_config = config
        self._hold(self.adapted, kernel_shape, mode).form.build()

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The call with quantized weights: that of the library's own class, whatever a subclass computes."""
        if self.quantization_mode not in self.modes and self._is_quantized:
            return super().quantized_call(*args, **kwargs)
        own = next(cls for cls in type(self).__mro__ if cls.__module__.startswith("jkeras."))
        return own.call(self, *args, **kwargs) if self._is_quantized else self.call(*args, **kwargs)  # type: ignore[attr-defined]

    @property
    def is_gptq_calibrated(self) -> bool:
        """True if GPTQ has chosen the integers; before, the layer computes with the float weight."""
        return self._is_calibrated(Gptq)

    @is_gptq_calibrated.setter
    def is_gptq_calibrated(self, value: bool) -> None:
        self._held[self.adapted].form.calibrated = value  # type: ignore[attr-defined]

    @property
    def is_awq_calibrated(self) -> bool:
        """True if AWQ has chosen the integers; before, the layer computes with the float weight."""
        return self._is_calibrated(Awq)

    @is_awq_calibrated.setter
    def is_awq_calibrated(self, value: bool) -> None:
        self._held[self.adapted].form.calibrated = value  # type: ignore[attr-defined]

    def _is_calibrated(self, kind: type) -> bool:
        forms = [held.form for held in self._held.values()]
        return any(type(form) is kind and form.calibrated for form in forms)  # type: ignore[attr-defined]

    # -- files and configs --------------------------------------------------------------------------------------------

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of the attributes that files have, in their order, by quantization mode."""
        spec: dict[str | None, list[str]] = {}
        for mode in (None, *self.modes):
            kind = Form if mode is None else FORMS[mode]
            names = [name.format(self.adapted) for name in kind.names]
            names[0 if issubclass(kind, Gptq) else 1 : 0] = self._beside()
            spec[mode] = names
        return spec

    def _beside(self) -> list[str]:
        """The names of the weights that stand in files behind the first."""
        return ["bias"]

    def in_file_order(self, variables: list[Variable]) -> list[Variable]:
        """The variables that files have: without the adapter's, and in Keras's order."""
        if not self._held:
            return variables
        known: dict[int, Variable] = {}
        for name in self.variable_serialization_spec[self.quantization_mode if self._is_quantized else None]:
            held = self._held.get(name)
            found = held.form.stored if held is not None else self.__dict__.get(name)
            if isinstance(found, Variable):
                known[id(found)] = found
        ours = {id(getattr(held.adapter, part)) for held in self._held.values() if held.adapter for part in "ab"}
        ours |= {id(held.form.stored) for held in self._held.values() if isinstance(held.form, Gptq)}
        return [*known.values(), *(v for v in variables if id(v) not in known and id(v) not in ours)]

    def values_for_file(self) -> dict[int, Any]:
        found: dict[int, Any] = {}
        for held in self._held.values():
            form = held.form
            if isinstance(form, Gptq) and not form.calibrated:
                raise ValueError(
                    f"Layer {self.name!r} is to be quantized by {form.mode.upper()}, but has seen no data yet, so there is nothing to "
                    f"save: call model.quantize({form.mode!r}, config=...)."
                )
            found |= {id(form.variable(name)): value for name, value in held.values().items()}
        return found

    def after_loading(self) -> None:
        for held in self._held.values():
            if isinstance(held.form, Gptq):
                held.form.finish()
            if held.adapter is not None:
                held.adapter.b.assign(jnp.zeros(held.adapter.b.shape))

    def get_config(self) -> dict:
        """The constructor's arguments, as plain data."""
        config = super().get_config() | {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        if self.modes:
            config["quantization_config"] = serialize(self.quantization_config)
        optional = ("lora_rank", "lora_alpha", "gptq_unpacked_column_size")
        return {name: value for name, value in config.items() if value is not None or name not in optional}
