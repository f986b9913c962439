"""The names of Keras and of its older releases that jkeras does not have, each with the reason and the replacement.

`jkeras.layers.X` and `model.x` look here for their message when there is no such name (see `namespace.py`), and the test of the
public interface compares the first table with Keras, so it is always exact.
"""


def _table(*rows: tuple[str, str, str]) -> dict[str, str]:
    """`(reason, place, names)` as one entry per name, `{"layers.Name": reason}`."""
    return {f"{place}.{name}".lstrip("."): reason for reason, place, names in rows for name in names.split()}


# Modules that the present Keras has. `compat` lets programs import them, and raises an error when they use a member.
LEFT_OUT_MODULES = _table(
    ("Pretrained networks are not covered.", "", "applications"),
    ("Export to other runtimes is not covered; jax.export takes model.apply.", "", "export"),
    ("Keras 2 had optimizers there; those of today take their arguments.", "optimizers", "legacy"),
)

# All names that the present Keras has. The place is a namespace, or a class for its methods and attributes.
LEFT_OUT = LEFT_OUT_MODULES | _table(
    ("No array is ragged.", "KerasTensor", "ragged ragged_rank row_splits_dtype"),
    ("There is one backend, JAX.", "config", "set_backend"),
    ("Code found in a config is never run.", "config", "enable_unsafe_deserialization"),
    ("It wraps a layer of another library.", "layers", "TFSMLayer TorchModuleWrapper"),
    ("Keras 3 has it only to say that it is gone.", "Layer", "add_metric"),
    ("It is inspect.signature(layer.call).", "Layer", "call_signature_parameters"),
    ("Everything is compiled, unless run_eagerly=True says otherwise.", "Layer", "supports_jit"),
    ("It is a detail of Keras's own loop over time.", "layers.RNN", "inner_loop single_state"),
)

# Names of older releases that programs still use.
OLDER = _table(
    ("Pass the generator to fit: model.fit(generator, ...).", "Model", "fit_generator"),
    ("Pass the generator to evaluate: model.evaluate(generator, ...).", "Model", "evaluate_generator"),
    ("Pass the generator to predict: model.predict(generator, ...).", "Model", "predict_generator"),
    (
        "For one output per class write model.predict(x).argmax(axis=-1); for one output write (model.predict(x) > 0.5).",
        "Model",
        "predict_classes",
    ),
    ("Write model.predict(x).", "Model", "predict_proba"),
    ("Write jkeras.utils.to_categorical(y).", "utils", "np_utils"),
    ("There is no session: jkeras runs without a graph of TensorFlow's.", "backend", "get_session set_session Session"),
    ("Use LSTM or GRU: on a GPU they run the fast kernel where it can be used.", "layers", "CuDNNLSTM CuDNNGRU"),
    ("Write jkeras.layers.add, concatenate, multiply, ... for the way to merge.", "layers", "Merge merge"),
    ("Use Dense with an activation in the layers of your own.", "layers", "MaxoutDense Highway"),
    ("The layers stand in jkeras.layers, as Rescaling, RandomFlip, ...", "layers", "experimental"),
    ("Use jkeras.layers.TextVectorization, in the model or on arrays.", "preprocessing", "text"),
    ("Use jkeras.utils.timeseries_dataset_from_array.", "preprocessing.sequence", "TimeseriesGenerator"),
)
