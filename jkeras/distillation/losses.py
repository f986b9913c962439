"""Distillation losses: they compare outputs of a student with those of a teacher, at the end or at an inner layer.

Each loss takes the two outputs, arrays or structures of arrays, and returns one number.
"""

from typing import Any

from jkeras import losses, ops, tree
from jkeras.arguments import POSITIVE, Checked
from jkeras.serialization import arguments_of, deserialize, serialize

__all__ = ["DistillationLoss", "FeatureDistillation", "LogitsDistillation"]


class DistillationLoss(Checked):
    """The base class of distillation losses. A subclass overrides `compute_loss`.

    >>> class Distance(DistillationLoss):
    ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
    ...         return ops.abs(teacher_outputs - student_outputs).mean()
    >>> float(Distance().compute_loss(ops.ones(2), ops.zeros(2)))
    1.0
    """

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Compute the loss, a scalar.

        Args:
            teacher_outputs, student_outputs: arrays, or structures of them.
            **kwargs: for classes of your own.
        """
        raise NotImplementedError(f"{type(self).__name__} must define compute_loss(teacher_outputs, student_outputs).")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raise a ValueError unless the outputs fit together."""
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Raise a ValueError unless the loss can be computed for these two models."""


class _PerOutput(DistillationLoss):
    """A loss for each output; None for outputs that are left out."""

    def __init__(self, loss: Any):
        self.loss = tree.map_structure(lambda item: losses.get(item) if isinstance(item, str) else item, loss)
        if all(item is None for item in tree.flatten(self.loss)):
            raise ValueError(
                f"The `loss` argument of {type(self).__name__} must contain at least one non-`None` value: {loss!r}."
            )

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        super().validate_outputs(teacher_outputs, student_outputs)
        try:
            tree.assert_same_structure(self.loss, teacher_outputs)
        except ValueError as error:
            raise ValueError(
                f"{type(self).__name__} has losses in another structure, {self.loss!r:.200}, than the outputs are: {error}"
            ) from None

    def one(self, loss: Any, teacher: Any, student: Any) -> Any:
        """The loss of one output."""
        return ops.mean(loss(teacher, student))

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        def each(loss: Any, teacher: Any, student: Any) -> Any:
            return 0.0 if loss is None else self.one(loss, teacher, student)

        return sum(tree.flatten(tree.map_structure(each, self.loss, teacher_outputs, student_outputs)))

    def get_config(self) -> dict:
        """The constructor's arguments, as plain data."""
        written = tree.map_structure(lambda item: None if item is None else serialize(item), self.loss)
        return {**arguments_of(self), "loss": written}

    @classmethod
    def from_config(cls, config: dict) -> "_PerOutput":
        """Make a loss from `get_config()`."""
        return cls(**deserialize(config))


class LogitsDistillation(_PerOutput):
    """A loss that makes the student's probabilities similar to those of the teacher (Hinton et al. 2015,
    arXiv:1503.02531).

    Args:
        temperature: what logits are divided by; a higher one shows more of what the teacher thinks of the wrong classes.
        loss: a loss or its name, or a structure of them like the outputs, with None for outputs that are left out. The
            Kullback-Leibler divergence compares the softmax of both and is multiplied by `temperature ** 2`; others get the divided
            logits.

    Raises:
        ValueError: `temperature` is no positive number, or there is no loss.

    >>> loss = LogitsDistillation(temperature=2.0)
    >>> logits = ops.array([[1.0, 2.0]])
    >>> float(loss.compute_loss(logits, logits))
    0.0
    """

    argument_ranges = {"temperature": POSITIVE}

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence"):
        super().__init__(loss)
        self.temperature = temperature

    def one(self, loss: Any, teacher: Any, student: Any) -> Any:
        teacher, student = teacher / self.temperature, student / self.temperature
        if loss is losses.kl_divergence or isinstance(loss, losses.KLDivergence):
            return super().one(loss, ops.softmax(teacher), ops.softmax(student)) * self.temperature**2
        return super().one(loss, teacher, student)


class FeatureDistillation(_PerOutput):
    """A loss that makes the outputs of a layer of the student similar to those of a layer of the teacher (Romero et al.
    2014, arXiv:1412.6550).

    Args:
        loss: a loss or its name, or a structure of them like the layers' outputs, with None for those that are left out.
        teacher_layer_name, student_layer_name: the layers; None for the models' outputs.

    Raises:
        ValueError: there is no loss.

    >>> float(FeatureDistillation("mae").compute_loss(ops.ones((1, 2)), ops.zeros((1, 2))))
    1.0
    """

    def __init__(self, loss: Any = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None):
        super().__init__(loss)
        self.teacher_layer_name, self.student_layer_name = teacher_layer_name, student_layer_name

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        named = {"teacher": (teacher, self.teacher_layer_name), "student": (student, self.student_layer_name)}
        for who, (model, name) in named.items():
            if name is None:
                continue
            if not getattr(model, "inputs", None):
                raise ValueError(
                    f"FeatureDistillation with layer names needs Functional or Sequential models that are built, but the {who} "
                    f"{model.name!r} has no symbolic inputs. Leave the names out to compare the outputs."
                )
            try:
                model.get_layer(name)
            except ValueError as error:
                raise ValueError(f"In {who} model: {error}") from None
