"""Write models as files that run without this library.

The default form is StableHLO, written by `jax.export`: the program of the model's call with its weights in it, for any
number of rows and for several platforms. JAX alone runs it:

    import jax
    with open("model.stablehlo", "rb") as file:
        call = jax.export.deserialize(bytearray(file.read())).call
    outputs = call(x)

JAX promises that releases of at least the next six months can run such a file.
"""

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import jax

from jkeras.core import dtype as dtypes
from jkeras.core import symbolic
from jkeras.saving.files import may_write, path_of, replacing
from jkeras.saving.onnx import to_onnx

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
FORMATS = ("stablehlo", "onnx")
ELSEWHERE = {
    "tf_saved_model": "TensorFlow's form needs TensorFlow",
    "openvino": "OpenVINO's form needs its converter",
    "litert": "LiteRT's form needs its converter",
    "torch": "PyTorch's form needs PyTorch",
}


def export_model(
    model: Any,
    filepath: Any,
    format: str = "stablehlo",
    verbose: bool | None = None,
    input_signature: Any = None,
    platforms: Any = PLATFORMS,
) -> None:
    """Write the model's call at inference, with its weights, to a file that runs without this library.

    Args:
        model: a built model.
        filepath: the name of the file.
        format: `"stablehlo"`, for JAX and other runtimes of OpenXLA, or `"onnx"` (which needs the extra `jkeras[onnx]`).
        verbose: whether to say where the file is; by default no.
        input_signature: shapes and dtypes of the inputs (`InputSpec`s, `KerasTensor`s, `jax.ShapeDtypeStruct`s or arrays, in the
            structure of the inputs); by default those that the model was built on. None stands for any size.
        platforms: for `"stablehlo"`: names of JAX's platforms for which the program is compiled later.

    Raises:
        ValueError: the format is unknown or not covered, or the inputs' shapes are not known.
        ImportError: a package that writes the form is not installed.

    Example:

        model.export("model.stablehlo")
        call = jkeras.saving.load_exported("model.stablehlo")
        outputs = call(x)
    """
    if format not in FORMATS:
        reason = f"{ELSEWHERE[format]}, which this library does not use" if format in ELSEWHERE else "it is not known"
        raise ValueError(f"Unrecognized format={format!r}: {reason}. Supported formats: {', '.join(FORMATS)}.")
    path = path_of(filepath)
    specs = _specs(model, input_signature)
    variables = model.snapshot()

    def call(*inputs: Any) -> Any:
        return model.apply(variables, *inputs, training=False)[0]

    content = _onnx(call, specs) if format == "onnx" else _stablehlo(call, specs, tuple(platforms))
    may_write(path, True)
    with replacing(path, True) as temporary, open(temporary, "xb") as file:
        file.write(content)
    if verbose:
        print(f"Model {model.name!r} is exported to {path!r}.")


def load_exported(filepath: Any) -> Callable:
    """Load the function that `model.export(path)` wrote as StableHLO.

    Args:
        filepath: the name of the file.

    Returns:
        A function of the model's inputs, which may have any number of rows; `jax.jit` and `jax.vmap` take it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no exported program.
        ImportError: the package flatbuffers is not installed.

    >>> import jkeras, os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2, kernel_initializer="ones")])
    >>> model.export(os.path.join(folder.name, "model"), format="stablehlo", verbose=False)
    >>> load_exported(os.path.join(folder.name, "model"))(jkeras.ops.ones((1, 3))).tolist()
    [[3.0, 3.0]]
    >>> folder.cleanup()
    """
    _needs("flatbuffers", "export")
    path = path_of(filepath)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no file {path!r}.")
    with open(path, "rb") as file:
        content = bytearray(file.read())
    from jax import export as jax_export  # 50 ms, which `import jkeras` need not take

    try:
        return jax_export.deserialize(content).call
    except Exception as error:
        raise ValueError(
            f"{path!r} is no program that model.export() wrote: {type(error).__name__}: {error!s:.200}"
        ) from error


def _specs(model: Any, signature: Any) -> tuple:
    """The arguments of the model's call, as symbolic tensors or their like."""
    if signature is not None:
        return (
            tuple(signature) if isinstance(signature, (list, tuple)) and not getattr(model, "inputs", None) else (signature,)
        )
    if getattr(model, "inputs", None):
        return (model.input,)
    shapes, types = getattr(model, "_build_shapes", {}), iter(getattr(model, "_build_dtypes", []))
    if not shapes:
        raise ValueError(
            f"Model {model.name!r} was not called yet, so the shapes of its inputs are not known. Call it on data, or pass "
            "input_signature=[jkeras.KerasTensor((None, 3))]."
        )

    def spec(shape: Any) -> Any:
        if isinstance(shape, dict):
            return {key: spec(item) for key, item in shape.items()}
        if all(size is None or isinstance(size, int) for size in shape):
            return symbolic.KerasTensor((None, *shape[1:]), next(types, model.compute_dtype))
        return type(shape)(spec(item) for item in shape)

    return tuple(spec(shape) for shape in shapes.values())


def _abstract(specs: tuple) -> tuple:
    """The same, as JAX's shapes with symbols: the first axis of all of them is `batch`."""
    from jax import export as jax_export  # 50 ms, which `import jkeras` need not take

    scope = jax_export.SymbolicScope()
    count = iter(range(10**6))

    def abstract(spec: Any) -> jax.ShapeDtypeStruct:
        names = ["batch" if i == 0 else f"size{next(count)}" for i in range(len(spec.shape))]
        text = ", ".join(name if size is None else str(size) for name, size in zip(names, spec.shape, strict=True))
        shape = jax_export.symbolic_shape(text, scope=scope)
        return jax.ShapeDtypeStruct(shape, dtypes.canonical(str(spec.dtype or "float32")))

    return symbolic.map_structure(abstract, specs)


def _stablehlo(call: Callable, specs: tuple, platforms: tuple[str, ...]) -> bytes:
    _needs("flatbuffers", "export")
    from jax import export as jax_export

    return bytes(jax_export.export(jax.jit(call), platforms=platforms)(*_abstract(specs)).serialize())


def _onnx(call: Callable, specs: tuple) -> bytes:
    _needs("jax2onnx", "onnx")
    leaves, structure = jax.tree.flatten(_abstract(specs))
    return to_onnx(lambda *arrays: call(*jax.tree.unflatten(structure, arrays)), leaves)


def _needs(package: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ImportError(f"model.export() needs the package {package!r} for this format: pip install 'jkeras[{extra}]'.")
