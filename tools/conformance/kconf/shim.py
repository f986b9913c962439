"""Presents a target package under the names the Keras tests import.

`Shim("pkg", keras_src)` builds a tree of proxy modules rooted at `keras`:

* `keras.a.b` mirrors the target's public module `pkg.a.b` exactly;
* `keras.src.x.y` is looked up *by name* in the target's public modules, those
  that correspond to `x` first. Names starting with an underscore are private
  and never resolve.

The tree never imports anything from the Keras checkout; the checkout is only
consulted to know which dotted paths are modules.
"""

import contextlib
import importlib
import importlib.util
import inspect
import os
import types

from kconf import helpers, missing
from kconf.missing import Missing

# Public modules of Keras, in lookup order for names with no better hint.
PUBLIC_MODULES = [
    "",
    "layers",
    "models",
    "ops",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "initializers",
    "regularizers",
    "constraints",
    "callbacks",
    "activations",
    "random",
    "saving",
    "utils",
    "utils.bounding_boxes",
    "tree",
    "config",
    "backend",
    "dtype_policies",
    "mixed_precision",
    "distribution",
    "distillation",
    "quantizers",
    "export",
    "wrappers",
    "visualization",
    "preprocessing.image",
    "preprocessing.sequence",
    "legacy.saving",
    "ops.numpy",
    "ops.nn",
    "ops.linalg",
    "ops.image",
    "applications",
    "datasets",
]

# keras.src prefix -> public modules to search first (longest prefix wins).
PREFERRED = {
    "activations": ["activations"],
    "applications": ["applications"],
    "backend": ["", "backend", "config", "utils", "ops"],
    "backend.config": ["config", "backend"],
    "backend.numpy": ["ops", "ops.numpy"],
    "backend.nn": ["ops", "ops.nn"],
    "backend.core": ["ops"],
    "backend.math": ["ops"],
    "backend.linalg": ["ops.linalg", "ops"],
    "backend.image": ["ops.image", "ops"],
    "backend.random": ["random"],
    "callbacks": ["callbacks"],
    "constraints": ["constraints"],
    "datasets": ["datasets"],
    "distillation": ["distillation"],
    "distribution": ["distribution"],
    "dtype_policies": ["dtype_policies", "config", "mixed_precision"],
    "export": ["export"],
    "initializers": ["initializers"],
    "layers": ["layers", ""],
    "layers.preprocessing.feature_space": ["utils"],
    "layers.preprocessing.image_preprocessing.bounding_boxes": ["utils.bounding_boxes"],
    "legacy.saving": ["legacy.saving", "saving"],
    "losses": ["losses"],
    "metrics": ["metrics"],
    "models": ["models", ""],
    "ops": ["ops"],
    "ops.image": ["ops.image", "ops"],
    "ops.linalg": ["ops.linalg", "ops"],
    "ops.nn": ["ops.nn", "ops"],
    "ops.numpy": ["ops.numpy", "ops"],
    "ops.function": [""],
    "ops.operation": [""],
    "ops.random": ["random"],
    "optimizers": ["optimizers"],
    "optimizers.schedules": ["optimizers.schedules", "optimizers"],
    "quantizers": ["quantizers"],
    "random": ["random"],
    "regularizers": ["regularizers"],
    "saving": ["saving"],
    "trainers": ["utils"],
    "tree": ["tree"],
    "utils": ["utils", "utils.bounding_boxes", "config"],
    "visualization": ["visualization"],
    "wrappers": ["wrappers"],
}

# Submodules of keras.src.backend that the checkout does not hold as files.
VIRTUAL_MODULES = {f"keras.src.backend.{m}" for m in ("numpy", "nn", "core", "math", "linalg", "image", "random")} | {
    "keras.src.testing",
    "keras.src.ops.random",
    "keras.api",
}

# (path suffix under keras.src, name) -> public "module:name" it stands for.
ALIASES = {
    ("backend", "device_scope"): ":device",
    ("layers", "GroupedQueryAttention"): "layers:GroupQueryAttention",
    ("saving.saving_lib", "save_weights_only"): "saving:save_weights",
    ("saving.saving_lib", "load_weights_only"): "saving:load_weights",
    ("backend.common.variables", "KerasVariable"): ":Variable",
}

_INTS = ["uint8", "uint16", "uint32", "uint64"] + [
    "int8",
    "int16",
    "int32",
    "int64",
]
_FLOATS = ["bfloat16", "float16", "float32", "float64"]
_FLOAT8 = ["float8_e4m3fn", "float8_e5m2"]
_COMPLEX = ["complex64", "complex128"]

# Facts about the JAX backend and dtype name lists used to parameterize tests.
CONSTANTS = {
    "backend": {
        "backend": lambda: "jax",
        "SUPPORTS_SPARSE_TENSORS": True,
        "SUPPORTS_RAGGED_TENSORS": False,
        "SUPPORTS_COMPLEX_DTYPES": True,
        "IS_THREAD_SAFE": True,
        "random_seed_dtype": lambda: "uint32",
    },
    "backend.common.dtypes": {
        "BOOL_TYPES": ("bool",),
        "INT_TYPES": tuple(_INTS),
        "FLOAT_TYPES": tuple(_FLOATS),
        "FLOAT8_TYPES": tuple(_FLOAT8),
        "COMPLEX_TYPES": tuple(_COMPLEX),
        "WEAK_TYPES": ("int", "float"),
        "ALLOWED_DTYPES": tuple(
            ["float16", "float32", "float64"] + _INTS + ["bfloat16", "bool", "string"] + _FLOAT8 + _COMPLEX
        ),
    },
    "backend.config": {"backend": lambda: "jax"},
}

# Third-party modules a Keras-on-JAX user need not have; always "not installed"
# for the tests, so that results do not depend on what else is around.
ABSENT = {
    "tensorflow",
    "tensorflow_io",
    "tf_keras",
    "torch",
    "openvino",
    "onnx",
    "onnxruntime",
    "litert_torch",
    "ai_edge_litert",
    "dmtree",
    "tree",
}


class ShimModule(types.ModuleType):
    def __init__(self, shim, path):
        super().__init__(path)
        self.__dict__["_kc_shim"] = shim
        self.__dict__["_kc_path"] = path
        self.__path__ = []  # importable as a package

    def __getattr__(self, name):
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        value = self._kc_shim.resolve(self._kc_path, name)
        if isinstance(value, Missing):
            if not missing.state.loading:
                missing.fail(value._kc_path)
        else:
            self.__dict__[name] = value
        return value

    def __dir__(self):
        return self._kc_shim.names(self._kc_path)


class ModuleProbe:
    """`keras.src.utils.module_utils.xyz`: knows whether xyz is importable."""

    def __init__(self, name):
        self._kc_name = name

    @property
    def available(self):
        root = self._kc_name.split(".")[0]
        if root in ABSENT:
            return False
        return importlib.util.find_spec(root) is not None

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if not self.available:
            if missing.state.loading:
                return Missing(f"{self._kc_name}.{name}")
            raise ImportError(f"No module named {self._kc_name!r}")
        return getattr(importlib.import_module(self._kc_name), name)


class Shim:
    def __init__(self, target, keras_src, loader=None):
        self.name = target
        self.keras_src = keras_src
        self.loader = loader
        if target == "nothing":
            self.target = types.ModuleType("nothing")
        else:
            self.target = importlib.import_module(target)
        self._modules = {}
        self._public = {}
        self._files = {}
        self._functional = None
        self.hooks = self._load_hooks()

    # -- the target's public namespace ------------------------------------

    def _load_hooks(self):
        """Optional accessors for behaviour Keras has no public reader for.

        A target may ship a private module `<target>._conformance` with
        functions named after the Keras internals they replace, such as
        `get_keras_mask(tensor)` and `set_keras_mask(tensor, mask)`.
        """
        if self.name == "keras":
            return {
                k: getattr(importlib.import_module("keras.src.backend"), k) for k in ("get_keras_mask", "set_keras_mask")
            }
        if self.name != "nothing":
            try:
                m = importlib.import_module(self.name + "._conformance")
                return {k: v for k, v in vars(m).items() if k[0] != "_"}
            except ImportError:
                pass

            def get_keras_mask(x):
                return getattr(x, "_keras_mask", None)

            def set_keras_mask(x, mask):
                x._keras_mask = mask

            return {
                "get_keras_mask": get_keras_mask,
                "set_keras_mask": set_keras_mask,
            }
        return {}

    def public(self, dotted):
        """The target's public module `dotted`, or None."""
        if dotted in self._public:
            return self._public[dotted]
        module = self.target
        done = []
        for part in dotted.split(".") if dotted else []:
            done.append(part)
            child = getattr(module, part, None)
            if not isinstance(child, types.ModuleType):
                child = None
                if self.name != "nothing":
                    full = ".".join([self.name] + done)
                    with contextlib.suppress(ImportError):
                        child = importlib.import_module(full)
            module = child
            if module is None:
                break
        self._public[dotted] = module
        return module

    def lookup(self, dotted, name):
        """`(found, object)` for a public name of one public module."""
        module = self.public(dotted)
        if module is None or name.startswith("_"):
            return False, None
        try:
            value = getattr(module, name)
        except AttributeError:
            return False, None
        if isinstance(value, types.ModuleType):
            return False, None
        return True, value

    def target_get(self, spec, default=None):
        """Public object given as "module:name"."""
        dotted, name = spec.split(":")
        found, value = self.lookup(dotted, name)
        return value if found else default

    def preferred(self, sub):
        parts = sub.split(".")
        out = []
        if parts[0] in ("applications", "datasets"):
            out.append(sub)
        for n in range(len(parts), 0, -1):
            key = ".".join(parts[:n])
            if key in PREFERRED:
                out += PREFERRED[key]
                break
        return out

    # -- modules -----------------------------------------------------------

    def is_module(self, path):
        """Is `keras...` a module, judging by the checkout?"""
        if path in self._files:
            return self._files[path]
        if path in VIRTUAL_MODULES:
            answer = True
        elif path == "keras.src" or path.startswith("keras.src."):
            base = os.path.join(self.keras_src, *path.split("."))
            answer = os.path.isdir(base) or os.path.isfile(base + ".py")
        else:
            dotted = path[len("keras.") :]
            answer = path == "keras" or any(m == dotted or m.startswith(dotted + ".") for m in PUBLIC_MODULES)
            answer = answer or self.public(dotted) is not None
        self._files[path] = answer
        return answer

    def module(self, path):
        if path in self._modules:
            return self._modules[path]
        if path in ("keras.src.testing", "keras.src.testing.test_case"):
            from kconf import testing as module
        elif path.endswith("_test") or path == "keras.src.testing.test_utils":
            module = self.loader.load_dotted(path)
        elif self.is_module(path):
            module = ShimModule(self, path)
        elif missing.state.loading:
            module = Missing(path)
        else:
            missing.fail(path)
        self._modules[path] = module
        return module

    def names(self, path):
        dotted = path[len("keras.") :] if path != "keras" else ""
        if dotted.startswith("src"):
            areas = self.preferred(dotted[len("src.") :])
        else:
            areas = [dotted]
        out = set()
        for area in areas:
            module = self.public(area)
            if module is not None:
                out.update(n for n in dir(module) if not n.startswith("_"))
        return sorted(out)

    # -- names -------------------------------------------------------------

    def resolve(self, path, name):
        full = f"{path}.{name}"
        if path == "keras" or not path.startswith("keras.src"):
            return self._resolve_public(path, name, full)
        sub = path[len("keras.src.") :]
        for key in (sub, sub.split(".")[0]):
            if name in CONSTANTS.get(key, {}):
                return CONSTANTS[key][name]
        if path == "keras.src.utils.module_utils":
            return ModuleProbe(name)
        if self.is_module(full):
            return self.module(full)
        if name.startswith("_"):
            return Missing(full)
        if name in self.hooks:
            return self.hooks[name]
        if (sub, name) in ALIASES:
            value = self.target_get(ALIASES[sub, name])
            return Missing(full) if value is None else value
        special = getattr(self, "_special_" + name, None)
        if special is not None:
            value = special(sub)
            if value is not None:
                return value
        for area in self.preferred(sub):
            found, value = self.lookup(area, name)
            if found:
                return value
        if sub.split(".")[0] == "ops" and name[:1].isupper():
            op = self._operation(sub, name)
            if op is not None:
                return op
        for area in PUBLIC_MODULES:
            found, value = self.lookup(area, name)
            if found:
                return value
        return Missing(full)

    def _resolve_public(self, path, name, full):
        if name == "src":
            return self.module("keras.src")
        if path == "keras.api":
            path, full = "keras", f"keras.{name}"
        dotted = path[len("keras.") :] if path != "keras" else ""
        if full == "keras.backend.backend" or full == "keras.config.backend":
            return lambda: "jax"
        found, value = self.lookup(dotted, name)
        if found:
            return value
        if self.is_module(full):
            return self.module(full)
        if path == "keras" and name == "__version__":
            return getattr(self.target, "__version__", "0")
        return Missing(full)

    # -- names that exist in Keras without a public path --------------------

    def _special_Functional(self, sub):
        """The class `Model(inputs, outputs)` produces."""
        if self._functional is None:
            try:
                t = self.target
                x = t.Input(shape=(1,))
                self._functional = type(t.Model(x, t.layers.Identity()(x)))
                t.utils.clear_session()
            except Exception:
                return None
        return self._functional

    def _special_Trainer(self, sub):
        """`class M(Trainer, SomeLayer)` as a `Model` that acts as SomeLayer."""
        model = self.target_get(":Model")
        if model is None:
            return None

        overridable = ("build", "call", "compute_output_shape", "get_config")

        class Trainer(model):
            def __init__(self):
                # Cooperative: it calls SomeLayer's `__init__`, which has run already.
                with contextlib.suppress(TypeError):
                    model.__init__(self)

            def __init_subclass__(cls, **kwargs):
                # Methods of SomeLayer win over those of Model.
                for name in overridable:
                    owners = [c for c in cls.__mro__ if name in vars(c)]
                    layers = [c for c in owners if not issubclass(c, Trainer) and c not in model.__mro__]
                    if layers and owners[0] in model.__mro__:
                        setattr(cls, name, vars(layers[0])[name])
                super().__init_subclass__(**kwargs)

        return Trainer

    _special_JAXTrainer = _special_Trainer  # noqa: N815 (named after the class)

    def _special_standardize_data_format(self, sub):
        current = self.target_get("config:image_data_format")

        def standardize_data_format(data_format):
            return data_format or current()

        return standardize_data_format if current else None

    def _special_any_symbolic_tensors(self, sub):
        kt = self.target_get(":KerasTensor")
        flatten = self.target_get("tree:flatten")
        if kt is None or flatten is None:
            return None

        def any_symbolic_tensors(args=None, kwargs=None):
            leaves = flatten((args or (), kwargs or {}))
            return any(isinstance(x, kt) for x in leaves)

        return any_symbolic_tensors

    def _special_compute_output_spec(self, sub):
        """Calling a function on KerasTensors is the public way to ask."""
        if sub.split(".")[0] != "backend":
            return None
        return lambda fn, *args, **kwargs: fn(*args, **kwargs)

    def _special_compute_conv_transpose_output_shape(self, sub):
        return helpers.conv_transpose_output_shape

    def _special_compute_conv_transpose_padding_args_for_jax(self, sub):
        return helpers.conv_transpose_padding

    def _special_save_model_to_hdf5(self, sub):
        save = self.target_get("saving:save_model")

        def save_model_to_hdf5(model, filepath, overwrite=True, **kwargs):
            return save(model, _h5_path(filepath), overwrite, **kwargs)

        return save_model_to_hdf5 if save else None

    def _special_load_model_from_hdf5(self, sub):
        load = self.target_get("saving:load_model")

        def load_model_from_hdf5(filepath, *args, **kwargs):
            return load(_h5_path(filepath), *args, **kwargs)

        return load_model_from_hdf5 if load else None

    def _special_removesuffix(self, sub):
        return lambda s, suffix: s.removesuffix(suffix)

    # -- operation classes ---------------------------------------------------

    def _operation(self, sub, name):
        """`knp.Sum(axis=1)(x)` over the public function `sum(x, axis=1)`."""
        wanted = name.lower()
        if wanted.endswith("norm"):
            wanted += "alization"
        for area in self.preferred(sub) + ["ops.nn", "ops.image", "ops.linalg"]:
            module = self.public(area)
            if module is None:
                continue
            for candidate in dir(module):
                if candidate.startswith("_"):
                    continue
                if candidate.replace("_", "") == wanted:
                    fn = getattr(module, candidate)
                    if callable(fn) and not inspect.isclass(fn):
                        return _operation_class(name, candidate, fn)
        return None


def _h5_path(path):
    """The public API tells the legacy format by the file's extension."""
    if str(path).endswith((".h5", ".hdf5", ".keras")):
        return path
    raise ValueError(f"not an HDF5 file name: {path}")


CONFIG_FIRST = {"einsum", "full", "vectorize"}


def _operation_class(class_name, fn_name, fn):
    class OperationShim:
        def __init__(self, *args, **kwargs):
            kwargs.pop("name", None)
            self._kc_config = (args, kwargs)

        def __call__(self, *args, **kwargs):
            conf_args, conf_kwargs = self._kc_config
            if fn_name == "fori_loop":
                args = conf_args + args
            elif fn_name == "while_loop":
                args = conf_args[:2] + args + conf_args[2:]
            elif fn_name in CONFIG_FIRST:
                args = conf_args + args
            else:
                args = args + conf_args
            return fn(*args, **{**conf_kwargs, **kwargs})

        def call(self, *args, **kwargs):
            return self(*args, **kwargs)

        symbolic_call = compute_output_spec = call

    OperationShim.__name__ = OperationShim.__qualname__ = class_name
    return OperationShim
