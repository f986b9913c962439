"""`keras.src.testing` for the tests, written over the target's public API."""

import contextlib
import json
import pathlib
import re
import shutil
import sys as _sys
import tempfile
import unittest

import numpy as np
from absl.testing import parameterized

from kconf import loader, missing


def _t(spec):
    """A public object of the target, "module:name"; fails if missing."""
    value = loader.shim().target_get(spec)
    if value is None:
        missing.fail("keras." + spec.replace(":", ".").lstrip("."))
    return value


def _maybe(spec, *args, **kwargs):
    """Calls a public function of the target if it has it."""
    fn = loader.shim().target_get(spec)
    if fn is not None:
        return fn(*args, **kwargs)


# -- devices ---------------------------------------------------------------


def _on(device):
    import jax

    return jax.default_backend() == device


def uses_gpu():
    return _on("gpu")


def uses_tpu():
    return _on("tpu")


jax_uses_gpu = uses_gpu
jax_uses_tpu = uses_tpu


def _never():
    return False


tensorflow_uses_gpu = tensorflow_uses_tpu = torch_uses_gpu = _never


# -- helpers ---------------------------------------------------------------


def reset_target():
    """Undo what a failed test may have left behind."""
    for spec, value in (
        ("config:set_floatx", "float32"),
        ("config:set_epsilon", 1e-7),
        ("config:set_image_data_format", "channels_last"),
        ("config:set_dtype_policy", "float32"),
    ):
        with contextlib.suppress(Exception):
            _maybe(spec, value)
    clear = loader.shim().target_get("utils:clear_session")
    if clear is not None:
        try:
            clear(free_memory=False)
        except TypeError:
            clear()
    enabled = loader.shim().target_get("config:is_traceback_filtering_enabled")
    if enabled is not None and enabled():
        _maybe("config:disable_traceback_filtering")


def tagged(value):
    """JSON-able form of a config in which tuples stay distinguishable."""
    if isinstance(value, tuple):
        return {"__tuple__": [tagged(v) for v in value]}
    if isinstance(value, list):
        return [tagged(v) for v in value]
    if isinstance(value, dict):
        return {k: tagged(v) for k, v in value.items()}
    return value


def untagged(value):
    if isinstance(value, list):
        return [untagged(v) for v in value]
    if isinstance(value, dict):
        if set(value) == {"__tuple__"}:
            return tuple(untagged(v) for v in value["__tuple__"])
        return {k: untagged(v) for k, v in value.items()}
    return value


def as_json(config):
    return json.dumps(tagged(config), sort_keys=True, indent=2)


def public_dir(obj):
    return {n for n in dir(obj) if not n.startswith("_")}


def is_shape(x):
    return isinstance(x, (list, tuple)) and all(d is None or isinstance(d, int) for d in x)


def map_shapes(fn, shape, dtype):
    """`fn(shape, dtype)` over a structure whose leaves are shapes."""
    if is_shape(shape):
        return fn(tuple(shape), dtype)
    if isinstance(shape, dict):
        return {k: map_shapes(fn, s, dtype[k]) for k, s in shape.items()}
    if isinstance(shape, (list, tuple)):
        return type(shape)(map_shapes(fn, s, d) for s, d in zip(shape, dtype))
    raise ValueError(f"not a structure of shapes: {shape}")


def default_dtypes(shape):
    if is_shape(shape):
        return "float32"
    if isinstance(shape, dict):
        return {k: default_dtypes(s) for k, s in shape.items()}
    return type(shape)(default_dtypes(s) for s in shape)


def as_call_arguments(shapes):
    """A dict of `x_shape` entries names the arguments of `call`."""
    return {k.removesuffix("_shape"): v for k, v in shapes.items()}


def classes_of_test_files(case):
    """Classes the test's module defines, which no registry knows about."""
    prefix = loader.CURRENT.package + "."
    return {
        name: value
        for name, value in vars(_sys.modules[case.__module__]).items()
        if isinstance(value, type) and value.__module__.startswith(prefix) and not issubclass(value, unittest.TestCase)
    }


def num_seed_generators(layer):
    """Seed states are the non-trainable variables that are not weights."""
    weights = {id(w) for w in layer.non_trainable_weights}
    return sum(id(v) not in weights for v in layer.non_trainable_variables)


def _call(layer, inputs, kwargs):
    if isinstance(inputs, dict):
        return layer(**inputs, **kwargs)
    return layer(inputs, **kwargs)


class _RaisesRegex:
    """Requires the exception type; notes a different message for the report."""

    def __init__(self, case, exception, regex):
        self.case, self.expected, self.regex = case, exception, regex

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            name = getattr(self.expected, "__name__", self.expected)
            self.case.fail(f"{name} not raised")
        if not issubclass(kind, self.expected):
            return False
        self.exception = value.with_traceback(None)
        pattern = self.regex
        if isinstance(pattern, str):
            pattern = re.compile(pattern)
        if not pattern.search(str(value)):
            missing.state.mismatches.append(f"{pattern.pattern!r} not found in {str(value)!r}")
        return True


class TestCase(parameterized.TestCase):
    maxDiff = None

    def setUp(self):
        super().setUp()
        reset_target()

    def get_temp_dir(self):
        path = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    # -- assertions --------------------------------------------------------

    def convert_to_numpy(self, x):
        if isinstance(x, np.ndarray):
            return x
        variable = loader.shim().target_get(":Variable")
        if _t("ops:is_tensor")(x) or (isinstance(variable, type) and isinstance(x, variable)):
            return _t("ops:convert_to_numpy")(x)
        return np.array(x)

    def assertAllClose(
        self,
        actual,
        desired,
        atol=1e-6,
        rtol=1e-6,
        tpu_atol=None,
        tpu_rtol=None,
        msg=None,
    ):
        np.testing.assert_allclose(
            self.convert_to_numpy(actual),
            self.convert_to_numpy(desired),
            atol=atol,
            rtol=rtol,
            err_msg=msg or "",
        )

    def assertNotAllClose(self, x1, x2, atol=1e-6, rtol=1e-6, msg=None):
        try:
            self.assertAllClose(x1, x2, atol=atol, rtol=rtol)
        except AssertionError:
            return
        self.fail(f"all elements are close: {x1} ({msg or ''})")

    def assertAlmostEqual(self, actual, desired, decimal=3, tpu_decimal=None, msg=None):
        np.testing.assert_almost_equal(
            self.convert_to_numpy(actual),
            self.convert_to_numpy(desired),
            decimal=decimal,
            err_msg=msg or "",
        )

    def assertAllEqual(self, actual, desired, msg=None):
        np.testing.assert_array_equal(
            self.convert_to_numpy(actual),
            self.convert_to_numpy(desired),
            err_msg=msg or "",
        )

    def assertLen(self, container, expected_len, msg=None):
        self.assertEqual(len(container), expected_len, msg=msg)

    def assertSparse(self, x, sparse=True):
        if isinstance(x, _t(":KerasTensor")):
            self.assertEqual(x.sparse, sparse)
        else:
            import jax.experimental.sparse as jax_sparse

            self.assertEqual(isinstance(x, jax_sparse.JAXSparse), sparse)

    def assertRagged(self, x, ragged=True):
        if isinstance(x, _t(":KerasTensor")):
            self.assertEqual(x.ragged, ragged)
        else:
            self.assertFalse(ragged, "ragged tensors do not exist on JAX")

    def assertDType(self, x, dtype, msg=None):
        standardize = _t("backend:standardize_dtype")
        actual = standardize(x.dtype if hasattr(x, "dtype") else type(x))
        expected = standardize(dtype)
        self.assertEqual(actual, expected, msg=msg or f"dtype is {actual}, not {expected}")

    def assertFileExists(self, path):
        self.assertTrue(pathlib.Path(path).is_file(), f"no file {path}")

    def assertRaisesRegex(self, expected_exception, expected_regex, *args, **kwargs):
        context = _RaisesRegex(self, expected_exception, expected_regex)
        if not args:
            return context
        with context:
            args[0](*args[1:], **kwargs)

    # -- object checks -----------------------------------------------------

    def run_class_serialization_test(self, instance, custom_objects=None):
        """`get_config`/`from_config` and full (de)serialization round trips."""
        scope = _t("saving:custom_object_scope")
        serialize = _t("saving:serialize_keras_object")
        deserialize = _t("saving:deserialize_keras_object")
        config = instance.get_config()
        reference = as_json(config)
        attributes = public_dir(instance)
        custom_objects = {
            **classes_of_test_files(type(self)),
            **(custom_objects or {}),
        }
        stored = as_json(serialize(instance))
        with scope(custom_objects):
            revived = type(instance).from_config(config)
            self.assertEqual(reference, as_json(revived.get_config()))
            self.assertEqual(attributes, public_dir(revived))
            revived = deserialize(untagged(json.loads(stored)))
        self.assertEqual(reference, as_json(revived.get_config()))
        self.assertEqual(attributes, public_dir(revived))
        return revived

    def run_layer_test(
        self,
        layer_cls,
        init_kwargs,
        input_shape=None,
        input_dtype=None,
        input_sparse=False,
        input_ragged=False,
        input_data=None,
        call_kwargs=None,
        expected_output_shape=None,
        expected_output_dtype=None,
        expected_output_sparse=False,
        expected_output_ragged=False,
        expected_output=None,
        expected_num_trainable_weights=None,
        expected_num_non_trainable_weights=None,
        expected_num_non_trainable_variables=None,
        expected_num_seed_generators=None,
        expected_num_losses=None,
        supports_masking=None,
        expected_mask_shape=None,
        custom_objects=None,
        run_training_check=True,
        run_mixed_precision_check=True,
        assert_built_after_instantiation=False,
        tpu_atol=None,
        tpu_rtol=None,
    ):
        """The standard check-up of a layer class.

        Serialization, build, symbolic call, eager call, one training step and
        a mixed precision call, comparing shapes, dtypes, values and numbers of
        variables with what the caller expects.
        """
        tree_map = _t("tree:map_structure")
        flatten = _t("tree:flatten")
        tensor_class = _t(":KerasTensor")

        def keras_tensor(shape, ragged=False, **kwargs):
            # `ragged` only where it is asked for: not every target has it.
            return tensor_class(shape, **kwargs, **({"ragged": True} if ragged else {}))

        standardize = _t("backend:standardize_dtype")
        init_kwargs = init_kwargs or {}
        call_kwargs = call_kwargs or {}
        symbolic = eager = None

        def new_layer(**more):
            return layer_cls(**{**init_kwargs, **more})

        # Inputs, as tensors and as KerasTensors.
        if input_data is not None:
            shape_of = _t("ops:shape")
            eager = input_data
            build_shapes = tree_map(lambda x: tuple(shape_of(x)), input_data)
            symbolic = tree_map(
                lambda x: keras_tensor(
                    tuple(shape_of(x)),
                    dtype=standardize(x.dtype),
                    sparse=input_sparse,
                    ragged=input_ragged,
                ),
                input_data,
            )
        elif input_shape is not None:
            if input_dtype is None:
                input_dtype = default_dtypes(input_shape)
            build_shapes = input_shape
            eager = map_shapes(
                lambda s, d: _random_tensor(s, d, input_sparse),
                input_shape,
                input_dtype,
            )
            symbolic = map_shapes(
                lambda s, d: keras_tensor(s, dtype=d, sparse=input_sparse, ragged=input_ragged),
                input_shape,
                input_dtype,
            )
            if isinstance(input_shape, dict):
                eager = as_call_arguments(eager)
                symbolic = as_call_arguments(symbolic)

        counts = {
            "trainable_weights": expected_num_trainable_weights,
            "non_trainable_weights": expected_num_non_trainable_weights,
            "non_trainable_variables": expected_num_non_trainable_variables,
        }
        seeds = expected_num_seed_generators
        if eager is not None:
            # What a first call creates is also what `build` must create.
            layer = new_layer()
            _call(layer, eager, call_kwargs)
            for name, expected in counts.items():
                if expected is None:
                    counts[name] = len(getattr(layer, name))
            if seeds is None:
                seeds = num_seed_generators(layer)

        def check_built(layer):
            self.assertTrue(layer.built)
            for name, expected in counts.items():
                if expected is not None:
                    self.assertLen(getattr(layer, name), expected, msg=f"number of {name}")
            if seeds is not None:
                self.assertEqual(num_seed_generators(layer), seeds, "number of seed states")

        def check_output(output):
            if expected_output_shape is not None:

                def same(expected, x):
                    return len(expected) == len(x.shape) and all(e is None or e == d for e, d in zip(expected, x.shape))

                matches = _t("tree:map_structure_up_to")(output, same, expected_output_shape, output)
                self.assertTrue(
                    all(flatten(matches)),
                    f"expected shapes {expected_output_shape}, got {tree_map(lambda x: x.shape, output)}",
                )
            if expected_output_dtype is not None:
                actual = tree_map(lambda x: standardize(x.dtype), output)
                matches = tree_map(lambda e, a: e == a, expected_output_dtype, actual)
                self.assertTrue(
                    all(flatten(matches)),
                    f"expected dtypes {expected_output_dtype}, got {actual}",
                )
            for x in flatten(output):
                if expected_output_sparse:
                    self.assertSparse(x)
                if expected_output_ragged:
                    self.assertRagged(x)

        # Serialization and class-level properties.
        layer = new_layer()
        self.run_class_serialization_test(layer, custom_objects)
        if supports_masking is not None:
            self.assertEqual(layer.supports_masking, supports_masking)
        if eager is None:
            return

        # Explicit build.
        layer = new_layer()
        if isinstance(build_shapes, dict):
            layer.build(**build_shapes)
        else:
            layer.build(build_shapes)
        check_built(layer)

        # Symbolic call.
        layer = new_layer()
        check_output_of = _call(layer, symbolic, call_kwargs)
        check_built(layer)
        check_output(check_output_of)
        if expected_mask_shape is not None:
            self.assertEqual(expected_mask_shape, layer.compute_mask(symbolic).shape)

        # Stateless layers are ready at once, unless `build` is overridden.
        if assert_built_after_instantiation:
            self.assertTrue(new_layer().built, "not built on instantiation")

            class OverriddenBuild(layer_cls):
                def build(self, *args, **kwargs):
                    pass

            self.assertFalse(OverriddenBuild(**init_kwargs).built)

        # Eager call.
        layer = new_layer()
        output = _call(layer, eager, call_kwargs)
        check_output(output)
        if expected_output is not None:
            self.assertEqual(type(expected_output), type(output))
            for e, x in zip(flatten(expected_output), flatten(output)):
                self.assertAllClose(e, x, msg="unexpected output value")
        if expected_num_losses is not None:
            self.assertLen(layer.losses, expected_num_losses)

        if run_training_check:
            _train_one_step(layer, eager, output)

        # Mixed precision.
        if run_mixed_precision_check:
            layer = new_layer(dtype="mixed_float16")
            is_float = _t("backend:is_float_dtype")

            def spec_of(x):
                cast = layer.autocast and is_float(x.dtype)
                return keras_tensor(x.shape, dtype=layer.compute_dtype if cast else x.dtype)

            specs = tree_map(spec_of, symbolic)
            output = _call(layer, eager, call_kwargs)
            if isinstance(specs, dict):
                expected = layer.compute_output_spec(**specs)
            else:
                expected = layer.compute_output_spec(specs)
            for x, spec in zip(flatten(output), flatten(expected)):
                self.assertEqual(standardize(x.dtype), standardize(spec.dtype), "mixed dtype")
            for weight in layer.weights:
                if is_float(weight.dtype):
                    self.assertEqual(standardize(weight.dtype), "float32")


def _random_tensor(shape, dtype, sparse):
    rng = np.random.default_rng(0)
    if sparse:
        import jax.experimental.sparse as jax_sparse

        x = rng.standard_normal(shape) * 4 * (rng.random(shape) < 0.7)
        return jax_sparse.BCOO.fromdense(x.astype(dtype), n_batch=1)
    x = rng.random(shape).astype("float32") * 3
    return _t("ops:cast")(_t("ops:convert_to_tensor")(x), dtype)


def _train_one_step(layer, inputs, output):
    sum_ = _t("ops:sum")

    class LayerModel(_t(":Model")):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def call(self, x, training=False):
            return self.layer(x, training=training)

    class SumLoss(_t(":Loss")):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return sum_(y_pred)

    def batches():
        while True:
            yield inputs, output

    model = LayerModel(layer)
    model.compile(optimizer="sgd", loss=SumLoss(), jit_compile="auto")
    model.fit(batches(), steps_per_epoch=1, verbose=0)


# Some test files reach the module through `testing.test_case`.
test_case = _sys.modules[__name__]


def __getattr__(name):
    if name == "test_utils":
        return loader.shim().module("keras.src.testing.test_utils")
    raise AttributeError(name)


# `unittest` users in the test-suite expect plain TestCase features too.
assert issubclass(TestCase, unittest.TestCase)
