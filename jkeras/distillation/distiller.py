"""`Distiller`: a model that trains a student on data and on the outputs of a teacher."""

from typing import Any

from jkeras import losses, metrics, ops, tree
from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor
from jkeras.models import Model
from jkeras.models.by_rows import graph_of
from jkeras.serialization import deserialize, serialize

__all__ = ["Distiller"]

FINAL = "final_output"


class Distiller(Model):
    """A model that trains a student on `weight * loss(y, student(x)) + (1 - weight) * distillation losses(teacher(x),
    student(x))`.

    Args:
        teacher: a trained model. It is frozen, and runs as in inference.
        student: the model to train; afterwards it is `distiller.student`.
        distillation_losses: a distillation loss, or a list of them.
        distillation_loss_weights: one weight for each; by default 1.
        student_loss_weight: the weight of the loss on the data, from 0 to 1.
        name: of the distiller.

    Raises:
        ValueError: the models do not fit together, or the losses do not fit them.

    >>> import jkeras, numpy as np
    >>> teacher = jkeras.Sequential([jkeras.Input((4,)), jkeras.layers.Dense(32), jkeras.layers.Dense(3)])
    >>> student = jkeras.Sequential([jkeras.Input((4,)), jkeras.layers.Dense(3)])
    >>> distiller = Distiller(teacher, student, jkeras.distillation.LogitsDistillation())
    >>> distiller.compile("adam", jkeras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(np.ones((8, 4)), np.zeros(8), verbose=0)
    >>> sorted(history.history)
    ['distillation_loss', 'loss', 'student_loss', 'total_loss']
    """

    untraced: tuple[str, ...] = ("_seen",)  # type: ignore[assignment]

    def __init__(
        self,
        teacher: Model,
        student: Model,
        distillation_losses: Any,
        distillation_loss_weights: Any = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        for who, model in (("Teacher", teacher), ("Student", student)):
            if not isinstance(model, Model):
                raise ValueError(f"{who} must be a Model, got {model!r:.200} of type {type(model).__name__}.")
        for what in ("inputs", "outputs"):
            _compare(what, getattr(teacher, what, None), getattr(student, what, None))
        weight = student_loss_weight
        if not isinstance(weight, (int, float)) or not 0 <= weight <= 1:
            raise ValueError(f"student_loss_weight must be a number between 0.0 and 1.0, got {weight!r}.")
        given = list(distillation_losses) if isinstance(distillation_losses, (list, tuple)) else [distillation_losses]
        if not given or not all(hasattr(loss, "compute_loss") for loss in given):
            raise ValueError(
                "'distillation_losses' must be a distillation loss, such as LogitsDistillation(), or a list of them, got "
                f"{distillation_losses!r:.200}."
            )
        weights = [1.0] * len(given) if distillation_loss_weights is None else list(distillation_loss_weights)
        if len(weights) != len(given):
            raise ValueError(
                f"Number of distillation_loss_weights ({len(weights)}) must match number of distillation_losses ({len(given)})."
            )
        for loss in given:
            loss.validate_model_compatibility(teacher, student)
        self.teacher, self.student = teacher, student
        self.student_loss_weight = weight
        self.distillation_losses, self.distillation_loss_weights = given, weights
        self._teacher_features = _extractor(teacher, [getattr(loss, "teacher_layer_name", None) for loss in given])
        self._student_features = _extractor(student, [getattr(loss, "student_layer_name", None) for loss in given])
        self.teacher.trainable = False
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")
        self._student_loss: Any = None
        self._seen: tuple | None = None  # the last outputs of the student in training, and the features of the same pass

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any) -> None:
        """Say how the student is trained.

        Args:
            optimizer: of the student's weights.
            loss: on the data; a loss or its name, or a structure of them like the outputs.
            metrics: a list of metrics to track on the data.
            **kwargs: the other arguments of `Model.compile`.

        Raises:
            ValueError: there is no loss, or `metrics` is no list.
        """
        if loss is None:
            raise ValueError(
                "'loss' cannot be `None`: give the loss that compares the student's outputs with y, for example "
                "compile(loss='sparse_categorical_crossentropy')."
            )
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ValueError(f"metrics must be a list or tuple, got {metrics!r}.")
        self._student_loss = tree.map_structure(lambda item: losses.get(item) if isinstance(item, str) else item, loss)
        self._given_loss = loss
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)

    def get_compile_config(self) -> dict:
        config = super().get_compile_config()
        return {**config, "loss": serialize(self._given_loss)} if config else config

    def compile_from_config(self, config: dict) -> None:
        known = ("optimizer", "loss", "metrics", "run_eagerly", "steps_per_execution", "jit_compile")
        arguments = deserialize({name: config.get(name) for name in known if config.get(name) is not None})
        if arguments.get("loss") is not None:
            self.compile(**arguments)

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Return the outputs of the student."""
        if not training or self._student_features is None:
            return self.student(inputs, training=training, **kwargs)
        features = self._student_features(inputs, training=True)
        self._seen = features[FINAL], features
        return features[FINAL]

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Compute the weighted sum of the loss on the data and of the distillation losses."""
        if y_pred is None:
            y_pred = self(x, training=training)
        weight = self.student_loss_weight
        on_data = self._on_data(y, y_pred, sample_weight) if weight > 0 and y is not None else 0.0
        from_teacher = self._from_teacher(x, y_pred) if weight < 1 else 0.0
        total = weight * on_data + (1 - weight) * from_teacher
        self.student_loss_tracker.update_state(on_data)
        self.distillation_loss_tracker.update_state(from_teacher)
        self.total_loss_tracker.update_state(total)
        return total

    def _on_data(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        def one(loss: Any, target: Any, output: Any) -> Any:
            values = loss(target, output)
            if sample_weight is not None and ops.ndim(values):
                values = values * ops.reshape(ops.cast(sample_weight, values.dtype), (-1, *(1,) * (ops.ndim(values) - 1)))
            return ops.mean(values)

        return sum(tree.flatten(tree.map_structure(one, self._student_loss, y, y_pred)))

    def _from_teacher(self, x: Any, y_pred: Any) -> Any:
        teacher = self._teacher_features
        known = {FINAL: self.teacher(x, training=False)} if teacher is None else teacher(x, training=False)
        found, self._seen = self._seen, None
        own = found[1] if found is not None and found[0] is y_pred else {FINAL: y_pred}
        if self._student_features is not None and len(own) == 1:
            own = self._student_features(x, training=False)
        total: Any = 0.0
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            theirs = known[getattr(loss, "teacher_layer_name", None) or FINAL]
            ours = own[getattr(loss, "student_layer_name", None) or FINAL]
            loss.validate_outputs(theirs, ours)
            value = loss.compute_loss(theirs, ours)
            if ops.ndim(value):
                raise ValueError(
                    f"Distillation loss {type(loss).__name__} returned a non-scalar loss with shape {ops.shape(value)}; "
                    "compute_loss must return one number."
                )
            total = total + weight * value
        return total

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize(self.dtype_policy),
            "teacher": serialize(self.teacher),
            "student": serialize(self.student),
            "distillation_losses": [serialize(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": list(self.distillation_loss_weights),
            "student_loss_weight": self.student_loss_weight,
        }


def _compare(what: str, teacher: Any, student: Any) -> None:
    """Refuse models whose inputs or outputs, as far as they are known, have other shapes or dtypes."""
    if not teacher or not student:
        return
    if len(teacher) != len(student):
        raise ValueError(f"The teacher has {len(teacher)} {what}, but the student {len(student)}.")
    for theirs, ours in zip(teacher, student, strict=True):
        fits = len(theirs.shape) == len(ours.shape) and all(
            None in (a, b) or a == b for a, b in zip(theirs.shape, ours.shape, strict=True)
        )
        if not fits or theirs.dtype != ours.dtype:
            raise ValueError(
                f"Teacher and student {what} are incompatible. Teacher: {theirs.shape} of {theirs.dtype}, student: {ours.shape} of "
                f"{ours.dtype}."
            )


def _extractor(model: Model, names: list) -> Model | None:
    """A model that returns what layers of these names put out, besides the outputs; None if there are no names."""
    names = [name for name in dict.fromkeys(names) if name]
    if not names:
        return None
    outputs = {FINAL: model.output}
    for name in names:
        layer = model.get_layer(name)
        calls = [node for node in graph_of(model) if node.operation is layer]
        if len(calls) != 1:
            raise ValueError(
                f"Layer {name!r} is called {len(calls)} times in model {model.name!r}, so it has no single output."
            )
        found = [x for x in symbolic.leaves(calls[0].outputs) if isinstance(x, KerasTensor)]
        outputs[name] = found[0] if len(found) == 1 else calls[0].outputs
    return Model(inputs=model.inputs, outputs=outputs, name=f"{model.name}_features")
