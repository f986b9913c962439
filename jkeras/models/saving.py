"""The part of `Model` that has to do with files; what they are like says `jkeras.saving`."""

from typing import Any

from jkeras import saving
from jkeras.core import symbolic


class Saved:
    """What `Model` inherits: `save`, `save_weights`, `load_weights`."""

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None) -> None:
        """Write the model to a `.keras` file: layers, weights, what `compile` was given, and the optimizer's state.

        `jkeras.models.load_model` reads it, and so does Keras.

        Args:
            filepath: a name that ends in `.keras`; that of a folder, with `zipped=False`.
            overwrite: whether a file of this name is replaced, which happens once the new one is complete.
            zipped: False writes the three members of the archive into a folder.

        Raises:
            ValueError: the name has another ending.
            FileExistsError: there is such a file, and `overwrite` is False.
            TypeError: something in the model has no config, such as a lambda.

        >>> import jkeras, os, tempfile, numpy as np
        >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "model.keras"))
        ...     again = jkeras.models.load_model(os.path.join(folder, "model.keras"))
        >>> bool((again.get_weights()[0] == model.get_weights()[0]).all())
        True
        """
        saving.save_model(self, filepath, overwrite, zipped)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights, and the optimizer's state, to a `.weights.h5` file, which Keras reads, too.

        Args:
            filepath: a name that ends in `.weights.h5`.
            overwrite: whether a file of this name is replaced, which happens once the new one is complete.

        Raises:
            ValueError: the name ends otherwise, or the model is not built.
            FileExistsError: there is such a file, and `overwrite` is False.
        """
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False) -> None:
        """Take the weights, and the optimizer's state if there is one, from a file that was written here or by Keras.

        Args:
            filepath: a `.weights.h5` or `.keras` file.
            skip_mismatch: leave layers as they are whose weights do not fit, with a warning, instead of raising an error.

        Raises:
            ValueError: the number of a layer's weights or the shape of one differs, the file cannot be read, or the model is
                not built. The model is as it was, then.
        """
        saving.load_weights(self, filepath, skip_mismatch)

    def _build_for(self, spec: Any, args: tuple, kwargs: dict) -> None:
        super()._build_for(spec, args, kwargs)  # type: ignore[misc]
        if "_build_shapes" not in vars(self):  # a model that is built by its first call: files say on which shapes
            named = dict(zip(spec.names, args, strict=False)) | {k: v for k, v in kwargs.items() if k in spec.names}
            self._build_shapes = {
                name: symbolic.map_structure(lambda x: tuple(x.shape), value)
                for name, value in named.items()
                if not name.endswith("mask")
                and symbolic.leaves(value)
                and all(hasattr(x, "shape") for x in symbolic.leaves(value))
            }
