"""Keras's public interface is here: every name, every argument in its place with its default, every member.

`LEFT_OUT` is the one list of what is not, each with its reason. The comparison finds exactly these, so an entry that is no
longer true fails as well as a name that is missing.

    "layers.Rescaling"          a name
    "layers.Dense(lora_rank)"   an argument
    "layers.Conv1D(strides=)"   the default of an argument
    "layers.Conv1D(...)"        the order of the arguments
    "Layer.quantize"            a method or attribute of the objects that programs subclass
"""

import inspect

import pytest

import jkeras
from tests.oracle import keras

NAMESPACES = (
    "",
    *("activations", "backend", "callbacks", "config", "constraints", "dtype_policies", "initializers", "layers", "losses"),
    *("metrics", "mixed_precision", "models", "ops", "ops.image", "ops.linalg", "ops.nn", "ops.numpy", "optimizers"),
    *("optimizers.schedules", "random", "regularizers", "saving", "tree", "utils"),
)


def dense(k):
    return k.layers.Dense(2)


def sequential(k):
    model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def functional(k):
    x = k.layers.Input((2,))
    return k.Model(x, k.layers.Dense(1)(x))


def schedule(k):
    return k.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)


OBJECTS = {
    "Layer": lambda k: k.layers.Layer(),
    "layers.Dense": dense,
    "layers.RNN": lambda k: k.layers.RNN(k.layers.SimpleRNNCell(2)),
    "Model": functional,
    "Sequential": sequential,
    "optimizers.SGD": lambda k: k.optimizers.SGD(),
    "metrics.Mean": lambda k: k.metrics.Mean(),
    "metrics.MeanSquaredError": lambda k: k.metrics.MeanSquaredError(),
    "losses.MeanSquaredError": lambda k: k.losses.MeanSquaredError(),
    "initializers.RandomNormal": lambda k: k.initializers.RandomNormal(),
    "regularizers.L2": lambda k: k.regularizers.L2(),
    "constraints.MaxNorm": lambda k: k.constraints.MaxNorm(),
    "callbacks.Callback": lambda k: k.callbacks.Callback(),
    "optimizers.schedules.ExponentialDecay": schedule,
    "random.SeedGenerator": lambda k: k.random.SeedGenerator(1),
    "Variable": lambda k: k.Variable([1.0, 2.0]),
    "KerasTensor": lambda k: k.KerasTensor((None, 2)),
    "DTypePolicy": lambda k: k.DTypePolicy("float32"),
    "InputSpec": lambda k: k.InputSpec(ndim=2),
    "utils.PyDataset": lambda k: k.utils.PyDataset(),
    "utils.Config": lambda k: k.utils.Config(a=1),
}


def each(reason, *names):
    return dict.fromkeys(names, reason)


def within(place, names):
    return [f"{place}.{name}" for name in names.split()]


PREPROCESSING = "Preprocessing of images, text, audio and tables is not covered yet."
QUANTIZATION = "Quantization is not covered yet."
LORA = "Low-rank adaptation of a layer is not covered yet."
CALLBACKS = "Of the callbacks, only History, LambdaCallback and the base class are there yet."
OTHER_LIBRARIES = "It wraps a layer of another library."
ENGINE = "The engine makes and keeps the compiled loops; there are no single functions to make or to replace."
LOGGING = "The progress bar looks at whether the output is a terminal; verbose=0 or 2 decides otherwise."
FLASH = "XLA chooses how attention is computed."
TRACEBACKS = "Tracebacks are not filtered."
LIMITS = "The arguments of fit decide."
SCOPES = "A pure call is model.apply(variables, x), or stateless_call; no scope is needed around it."
DATASETS = "Nothing is downloaded."
REMAT = "Recomputation of activations is not covered yet; jax.checkpoint does it to functions."
RNN = "It is a detail of Keras's own loop over time."

LEFT_OUT = {
    # -- whole namespaces
    **each("Pretrained networks are not covered.", "applications"),
    **each(DATASETS, "datasets", "utils.get_file"),
    **each("It trains one model on another; docs/custom_training.md shows how.", "distillation"),
    **each("Training over several devices is not covered yet.", "distribution", "Variable(layout)"),
    **each("Export to other runtimes is not covered; jax.export takes model.apply.", "export", "Model.export"),
    **each("The formats of Keras 2 are not read.", "legacy", "optimizers.legacy", "utils.legacy"),
    **each(PREPROCESSING, "preprocessing"),
    **each(QUANTIZATION, "quantizers", "Quantizer"),
    **each("Drawing pictures with boxes and masks is not a matter of training.", "visualization", "utils.bounding_boxes"),
    **each("The wrappers for scikit-learn are not covered yet.", "wrappers"),
    # -- top level
    **each("A graph of operations is a Functional model.", "Function", "Model.operations"),
    **each("An operation is a plain function; a user's own is a Layer.", "Operation"),
    **each(REMAT, "remat", "RematScope", "Layer.rematerialized_call"),
    **each(SCOPES, "StatelessScope", "SymbolicScope"),
    **each("Parts of a program are named by jax.named_scope; the paths of variables come from layers.", "name_scope"),
    **each("No array is ragged.", "KerasTensor(ragged)", *within("KerasTensor", "ragged ragged_rank row_splits_dtype")),
    # -- config
    **each("There is one backend, JAX.", "config.set_backend", "random.SeedGenerator.backend"),
    **each("There are no flax modules underneath.", "config.is_nnx_enabled"),
    **each("Code found in a config is never run.", "config.enable_unsafe_deserialization"),
    **each(
        TRACEBACKS,
        *within("config", "enable_traceback_filtering disable_traceback_filtering is_traceback_filtering_enabled"),
    ),
    **each(
        LOGGING, *within("config", "enable_interactive_logging disable_interactive_logging is_interactive_logging_enabled")
    ),
    **each(
        LOGGING, *within("utils", "enable_interactive_logging disable_interactive_logging is_interactive_logging_enabled")
    ),
    **each(FLASH, *within("config", "enable_flash_attention disable_flash_attention is_flash_attention_enabled")),
    **each(LIMITS, *within("config", "max_epochs set_max_epochs max_steps_per_epoch set_max_steps_per_epoch")),
    # -- dtype policies
    **each(
        QUANTIZATION,
        *within("dtype_policies", "AWQDTypePolicy GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy"),
        *within("dtype_policies", "QuantizedFloat8DTypePolicy"),
        "DTypePolicy.quantization_mode",
    ),
    **each("Each layer takes a dtype= of its own; there is no table of them.", "dtype_policies.DTypePolicyMap"),
    **each("Layers cast their inputs themselves.", "DTypePolicy.convert_input"),
    # -- layers
    **each(
        PREPROCESSING,
        *within("layers", "AugMix AutoContrast CategoryEncoding CenterCrop ContrastLimitedAdaptiveHistogramEqualization"),
        *within("layers", "CutMix Discretization Equalization HashedCrossing Hashing IntegerLookup MaxNumBoundingBoxes"),
        *within(
            "layers", "MelSpectrogram MixUp Normalization Pipeline RandAugment RandomBrightness RandomColorDegeneration"
        ),
        *within("layers", "RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip"),
        *within("layers", "RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization"),
        *within("layers", "RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom"),
        *within("layers", "Rescaling Resizing STFTSpectrogram Solarization StringLookup TextVectorization"),
        "utils.FeatureSpace",
        *within("utils", "array_to_img img_to_array load_img save_img"),
    ),
    **each(
        "It makes a tf.data.Dataset of the files in a folder.",
        *within("utils", "audio_dataset_from_directory image_dataset_from_directory text_dataset_from_directory"),
    ),
    **each(OTHER_LIBRARIES, *within("layers", "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper")),
    **each("Convolutional recurrent layers are not covered yet.", *within("layers", "ConvLSTM1D ConvLSTM2D ConvLSTM3D")),
    **each(
        "Keras has data_format before output_padding here, but not in one and two dimensions; ours agree with those.",
        "layers.Conv3DTranspose(...)",
        "layers.Convolution3DTranspose(...)",
    ),
    **each(
        LORA,
        *(
            f"layers.{name}({option})"
            for name in ("Dense", "EinsumDense", "Embedding")
            for option in ("lora_rank", "lora_alpha")
        ),
        *within("layers.Dense", "enable_lora lora_alpha lora_enabled lora_rank"),
    ),
    **each(
        QUANTIZATION,
        *(f"layers.{name}(quantization_config)" for name in ("Dense", "EinsumDense", "Embedding")),
        "layers.EinsumDense(gptq_unpacked_column_size)",
        *within("layers.Dense", "quantization_config variable_serialization_spec"),
        *within("Layer", "quantization_mode quantize quantized_build quantized_call"),
        "Model.get_quantization_layer_structure",
    ),
    **each("Keras 3 has it only to say that it is gone.", "Layer.add_metric"),
    **each("Of the two names for one thing, add_weight is the documented one.", "Layer.add_variable"),
    **each("It is inspect.signature(layer.call).", "Layer.call_signature_parameters"),
    **each("Everything is compiled, unless run_eagerly=True says otherwise.", "Layer.supports_jit"),
    **each(RNN, *within("layers.RNN", "inner_loop single_state")),
    **each("The second argument is called previous_mask, as everywhere.", "layers.RNN.compute_mask(mask)"),
    # -- models
    **each("What is in a file is shown and edited by h5py.", "saving.KerasFileEditor"),
    **each("Weights are one file.", *(f"{name}.save_weights(max_shard_size)" for name in ("Model", "Sequential", "saving"))),
    **each(ENGINE, *within("Model", "make_train_function make_test_function make_predict_function")),
    **each(ENGINE, *within("Model", "train_function test_function predict_function compute_loss_and_updates")),
    **each("Weights that are read during fit are always the current ones.", "Model.jax_state_sync"),
    # -- callbacks and utilities
    **each(
        CALLBACKS,
        *within(
            "callbacks", "BackupAndRestore CSVLogger EarlyStopping LearningRateScheduler ModelCheckpoint OrbaxCheckpoint"
        ),
        *within("callbacks", "ProgbarLogger ReduceLROnPlateau RemoteMonitor SwapEMAWeights TensorBoard TerminateOnNaN"),
    ),
    **each(
        "The list of callbacks is made by fit, with History and the progress bar beside it.",
        *within(
            "callbacks", "CallbackList(add_history) CallbackList(add_progbar) CallbackList(callbacks=) CallbackList(model=)"
        ),
    ),
    **each("The callbacks draw the progress bar.", "utils.Progbar"),
    **each("Drawing a model as a graph is not covered yet.", "utils.model_to_dot", "utils.plot_model"),
    **each("Arrays in, arrays out: there is one kind of result.", "utils.split_dataset(preferred_backend)"),
    **each("The windows are a PyDataset; there is one kind of result.", "utils.timeseries_dataset_from_array(format)"),
    # -- optimizers
    **each("What stands after `name` is given by keyword.", "optimizers.Muon(...)"),
}


def public(item):
    return [name for name in dir(item) if not name.startswith("_")]


def find(path, root):
    for name in filter(None, path.split(".")):
        root = getattr(root, name)
    return root


def parameters(item):
    """The named parameters; None for what Python cannot look into, and for what takes any."""
    if inspect.isclass(item) and "__signature__" not in vars(item):
        item = item.__init__
    try:
        found = inspect.signature(item).parameters.values()
    except (TypeError, ValueError):
        return None
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    if not inspect.isclass(item) and variadic <= {p.kind for p in found}:
        return None
    return {p.name: p for p in found if p.kind not in variadic and p.name not in ("self", "_")}


def same(ours, theirs):
    """Whether two defaults are equal; functions and classes are, if they have the same name."""
    if callable(theirs):
        return getattr(ours, "__name__", None) == theirs.__name__
    return type(ours) is type(theirs) and ours == theirs


def compare(path, ours, theirs):
    """What of a callable's parameters differs."""
    wanted, given = parameters(theirs), parameters(ours)
    if wanted is None or given is None:
        return
    yield from (f"{path}({name})" for name in wanted if name not in given)
    empty = inspect.Parameter.empty
    for name, parameter in wanted.items():
        if name in given and parameter.default is not empty and not same(given[name].default, parameter.default):
            yield f"{path}({name}=)"
    order = [n for n, p in wanted.items() if p.kind is not p.KEYWORD_ONLY and n in given]
    own = [n for n, p in given.items() if p.kind is not p.KEYWORD_ONLY]
    if own[: len(order)] != order:
        yield f"{path}(...)"


def differences():
    for namespace in NAMESPACES:
        theirs, ours = find(namespace, keras), find(namespace, jkeras)
        for name in public(theirs):
            path = f"{namespace}.{name}".lstrip(".")
            item = getattr(theirs, name)
            if name == "src" or (inspect.ismodule(item) and path in NAMESPACES):
                continue
            if not hasattr(ours, name):
                yield path
            elif callable(item):
                yield from compare(path, getattr(ours, name), item)
    for path, make in OBJECTS.items():
        theirs, ours = make(keras), make(jkeras)
        bases = [base for base in ("Layer", "Model") if path != base and isinstance(ours, getattr(jkeras, base))]
        for name in public(theirs):
            try:
                item = getattr(theirs, name)
            except Exception:  # Keras's own attribute says no
                continue
            if any(f"{base}.{name}" in LEFT_OUT for base in bases):
                continue  # said once, of the base
            if not hasattr(ours, name):
                yield f"{path}.{name}"
            elif inspect.ismethod(item):
                yield from compare(f"{path}.{name}", getattr(ours, name), item)


@pytest.fixture(scope="module")
def found():
    return set(differences())


def test_everything_of_keras_is_here_or_left_out_with_a_reason(found):
    assert sorted(found - set(LEFT_OUT)) == []


def test_what_is_left_out_is_really_missing(found):
    assert sorted(set(LEFT_OUT) - found) == []


def test_reasons_are_sentences():
    assert all(reason[0].isupper() and reason.endswith(".") for reason in LEFT_OUT.values())
