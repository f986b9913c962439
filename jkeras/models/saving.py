"""The methods of `Model` for files; `jkeras.saving` has the formats."""

import warnings
from typing import Any

import jax

from jkeras import saving
from jkeras.core import symbolic
from jkeras.errors import known_keywords
from jkeras.layers.base import Layer
from jkeras.layers.signatures import call_spec, holds_tensors, shapes_of, specs_of
from jkeras.saving.export import export_model


class Saved:
    """The base of `Model` that defines `save`, `save_weights` and `load_weights`."""

    @known_keywords
    def save(
        self,
        filepath: Any,
        overwrite: bool = True,
        zipped: bool | None = None,
        include_optimizer: bool = True,
        save_format: str | None = None,
    ) -> None:
        """Write the model to a file: layers, weights, what `compile` was given, and the optimizer's state.

        `jkeras.models.load_model` reads it, and so does Keras.

        Args:
            filepath: a name that ends in `.keras`; in `.h5` for the older form, which Keras 2 reads, too; that of a folder,
                with `zipped=False`. Folders that are missing are made.
            overwrite: whether a file of this name is replaced, which happens once the new one is complete. With False, a
                question is asked if there is a terminal.
            zipped: False writes the three members of the archive into a folder.
            include_optimizer: False leaves out what `compile` was given, and the optimizer's state.
            save_format: Keras 2's name of the format, which the ending of the file's name says, too; it is warned of.

        Raises:
            ValueError: the name has another ending.
            FileExistsError: there is such a file, `overwrite` is False, and there is no terminal to ask at.
            TypeError: something in the model has no config, such as a lambda.

        >>> import jkeras, os, tempfile, numpy as np
        >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "model.keras"))
        ...     again = jkeras.models.load_model(os.path.join(folder, "model.keras"))
        >>> bool((again.get_weights()[0] == model.get_weights()[0]).all())
        True
        """
        saving.save_model(self, filepath, overwrite, zipped, include_optimizer, save_format)

    @known_keywords
    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Write the weights, and the optimizer's state, to an HDF5 file, which Keras reads, too.

        Args:
            filepath: a name that ends in `.weights.h5`; one that ends in `.h5` gets the older form, without the optimizer,
                which Keras 2 reads, too; with `max_shard_size`, one that ends in `.weights.json`; one that ends in
                `.safetensors` (the extra `jkeras[safetensors]`).
            overwrite: whether a file of this name is replaced, which happens once the new one is complete. With False, a
                question is asked if there is a terminal.
            max_shard_size: how many GiB the arrays of one file may have; the weights are written to as many files as that takes.

        Raises:
            ValueError: the name ends otherwise, the model is not built, or an array is larger than `max_shard_size`.
            FileExistsError: there is such a file, `overwrite` is False, and there is no terminal to ask at.
        """
        saving.save_weights(self, filepath, overwrite, max_shard_size)

    @known_keywords
    def load_weights(
        self,
        filepath: Any,
        skip_mismatch: bool = False,
        by_name: bool = False,
        max_bytes: int | None = None,
        objects_to_skip: Any = None,
    ) -> None:
        """Take the weights, and the optimizer's state if there is one, from a file that was written here or by Keras.

        Args:
            filepath: a `.weights.h5`, `.weights.json`, `.safetensors`, `.keras` or `.h5` file, the last of Keras 1, 2 or 3 or of
                weights alone; or a folder of checkpoints that `OrbaxCheckpoint` wrote.
            skip_mismatch: leave layers as they are whose weights do not fit, with a warning, instead of raising an error.
            by_name: take what the file has for layers of the same name. Only the older form, `.h5`, has names.
            max_bytes: how many bytes all arrays of the file may claim; by default 64 MiB, or 100 times the size of the file.
            objects_to_skip: layers (or optimizers) that stay as they are; for `.weights.h5`, `.weights.json` and `.safetensors` files.

        Raises:
            ValueError: the number of a layer's weights or the shape of one differs, the file cannot be read, or the model is
                not built. The model is as it was, then.
        """
        saving.load_weights(self, filepath, skip_mismatch, by_name, max_bytes, objects_to_skip)

    def export(
        self,
        filepath: Any,
        format: str = "stablehlo",
        verbose: bool | None = None,
        input_signature: Any = None,
        platforms: Any = ("cpu", "cuda", "rocm", "tpu"),
    ) -> None:
        """Write the call at inference, with the weights, to a file that runs without this library.

        Args:
            filepath: the name of the file.
            format: `"stablehlo"`, which JAX alone runs (the extra `jkeras[export]`), or `"onnx"` (the extra `jkeras[onnx]`).
            verbose: whether to say where the file is; by default no.
            input_signature: shapes and dtypes of the inputs, in their structure; by default those that the model was built on.
                None stands for any size.
            platforms: for `"stablehlo"`: names of JAX's platforms on which it is to run.

        Raises:
            ValueError: the format is unknown or not covered, or the inputs' shapes are not known.
            ImportError: a package that writes the form is not installed.
        """
        export_model(self, filepath, format, verbose, input_signature, platforms)

    def get_build_config(self) -> dict | None:
        """The shapes on which the model was first called, and the dtypes if they are not the usual ones."""
        config, dtypes = super().get_build_config(), getattr(self, "_build_dtypes", [])  # type: ignore[misc]
        usual = all(dtype == self.compute_dtype for dtype in dtypes)  # type: ignore[attr-defined]
        return config if usual or not config else {**config, "dtypes": dtypes}

    def build_from_config(self, config: dict) -> None:
        """Build from `get_build_config()`: by `build`, and by a call on shapes, which makes what `build` leaves open.

        Warns:
            UserWarning: the call raises an error, and layers of the model have no weights yet.
        """
        shapes = dict(config or {})
        dtypes = shapes.pop("dtypes", [])
        cls = type(self)
        if self.has_fixed_structure or cls.build is not Layer.build:  # type: ignore[attr-defined]
            super().build_from_config(shapes)  # type: ignore[misc]
        shapes = shapes.get("shapes_dict", {"inputs": shapes.get("input_shape")})
        if self.has_fixed_structure or cls.call is Layer.call or not any(shapes.values()):  # type: ignore[attr-defined]
            return
        specs = {k.removesuffix("_shape"): specs_of(v, self.compute_dtype) for k, v in shapes.items()}  # type: ignore[attr-defined]
        if len(dtypes) == len(symbolic.leaves(specs)):
            each = iter(dtypes)
            specs = symbolic.map_structure(lambda leaf: symbolic.KerasTensor(leaf.shape, next(each)), specs)
        try:
            if set(specs) <= set(call_spec(cls.call).names):  # type: ignore[attr-defined]
                symbolic.infer(self, (), specs)  # type: ignore[arg-type]
            else:
                symbolic.infer(self, tuple(specs.values()))  # type: ignore[arg-type]
            self.built = True
        except Exception as error:
            missing = [layer.name for layer in self._flatten_layers() if not layer.built]  # type: ignore[attr-defined]
            if missing:
                warnings.warn(
                    f"The loaded model's layers {missing} are not built, because a call failed: {error}", stacklevel=2
                )

    def _build_for(self, spec: Any, args: tuple, kwargs: dict) -> None:
        super()._build_for(spec, args, kwargs)  # type: ignore[misc]
        named = {k: v for k, v in spec.named(args, kwargs).items() if holds_tensors(v) and not k.endswith("mask")}
        self._build_dtypes = [str(x.dtype) for x in jax.tree.leaves(named)]
        if "_build_shapes" not in vars(self):  # a model that is built by its first call: files say on which shapes
            self._build_shapes = {name: shapes_of(value) for name, value in named.items()}
