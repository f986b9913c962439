"""`Ensemble`: many models of one architecture, trained as one program."""

import copy
import os
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from jkeras.callbacks import History
from jkeras.core.variable import is_variable
from jkeras.data import ArrayData, make_data
from jkeras.ensembles import saving
from jkeras.ensembles.callbacks import per_member
from jkeras.ensembles.data import MemberData, first_rows
from jkeras.ensembles.knobs import Knobs
from jkeras.ensembles.members import MemberOptimizer, check_seeds
from jkeras.ensembles.placement import members_placed
from jkeras.ensembles.prediction import StackedPrediction
from jkeras.ensembles.stacked import StackedPlan, Twins, pick
from jkeras.ensembles.start import Start
from jkeras.models import Model
from jkeras.training.custom import built_in
from jkeras.training.epochs import Validation
from jkeras.training.feed import Feed
from jkeras.training.prediction import Prediction
from jkeras.training.stats import Stats
from jkeras.training.trainer import Trainer


class Ensemble(Trainer):
    """Many models of one architecture, trained as one compiled program.

    Member `k` is the model that `set_random_seed(seeds[k])`, `build()` and `fit` would give: the same initial weights, the same
    order of the data, the same dropout. Its numbers are those of that fit up to rounding: for some shapes
    every bit is the same, for others XLA sums in another order, which changes last bits.

    Args:
        build: a function without arguments that returns a compiled model.
        seeds: one int per member. They must differ.
        bootstrap: whether each member is trained on a sample of its own, drawn with replacement from the rows of the data by
            `numpy.random.RandomState(seed)`: `rows = state.randint(n, size=n)`.

    Raises:
        TypeError: `build()` returns no model.
        ValueError: `build()` returns a model that is not compiled, or models of different architecture; seeds that repeat.

    `fit`, `evaluate` and `predict` take the arguments that they take in a model. Results are arrays with a value per member.

    >>> import jkeras
    >>> def build():
    ...     model = jkeras.Sequential([jkeras.Input((1,)), jkeras.layers.Dense(8, "tanh"), jkeras.layers.Dense(1)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> x = np.linspace(-1, 1, 32)[:, None]
    >>> ensemble = Ensemble(build, seeds=range(4))
    >>> history = ensemble.fit(x, x**2, epochs=3, verbose=0)
    >>> history.history["loss"].shape
    (3, 4)
    >>> ensemble.predict(x, verbose=0).shape, ensemble.members(x, verbose=0).shape
    ((32, 1), (4, 32, 1))
    >>> best = ensemble[int(history.history["loss"][-1].argmin())]
    >>> type(best).__name__
    'Sequential'
    """

    def __init__(self, build: Callable[[], Any], seeds: Iterable[int], bootstrap: bool = False):
        self.seeds = check_seeds(seeds)
        self.bootstrap = bootstrap
        self._start_of([build] * len(self.seeds), Knobs())

    def _start_of(self, builds: list, knobs: Knobs) -> None:
        self._start = Start(builds, self.seeds)
        self._template: Model = self._start.template
        self._twins = Twins(len(self.seeds))
        self._knobs = knobs
        compiled: Any = copy.copy(self._template._compiled)
        compiled.stats, compiled.plan = Stats(), None
        self._compiled: Any = compiled  # the arguments of compile, with a plan of its own
        self._spec: Any = None  # of the first batch
        self._states: list | None = None  # of NumPy's generator, for the members' orders
        self._rows: np.ndarray | None = None  # of the data, that each member sees
        self._has_weights = False

    def __len__(self) -> int:
        return len(self.seeds)

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self)} members, each a {type(self._template).__name__} named {self._template.name!r}>"

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(Model, name):
            raise AttributeError(f"An Ensemble has no {name!r}. A single member is an ordinary model: ensemble[0].{name}")
        raise AttributeError(f"An Ensemble has no {name!r}.", name=name)

    # -- training -------------------------------------------------------------------------------------------------------

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Raise an error, because `build` compiles the members.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            "The members of an Ensemble are compiled by build(): call model.compile(...) there, before it returns the model."
        )

    def fit(self, *args: Any, **kwargs: Any) -> History:
        """Train all members.

        Args:
            *args, **kwargs: as of `Model.fit`. Arrays are shuffled for each member as its own `fit` would shuffle them; batches of a
                generator or loader are the same for all members. Of the callbacks, `EarlyStopping`, `ReduceLROnPlateau` and
                `LearningRateScheduler` act on each member for itself. A callback of your own sees the ensemble as `self.model`, and
                arrays in the logs.

        Returns:
            The `History`; `history.history["loss"]` has shape (epochs, members). It is NaN where a member had stopped.

        Raises:
            TypeError: a callback that needs a single model.
        """
        with members_placed(len(self)):
            try:
                history = super().fit(*args, **kwargs)
            finally:
                self._take_running_means()
        history.history = {name: np.stack(values) for name, values in history.history.items()}
        return history

    @built_in
    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the results of all members on some data.

        Args:
            *args, **kwargs: as of `Model.evaluate`.

        Returns:
            As of `Model.evaluate`, with an array of a value per member for each result.
        """
        with members_placed(len(self)):
            return super().evaluate(*args, **kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Train all members on one batch. Arguments and results are those of `Model.train_on_batch`, with a value per
        member.

        Args:
            *args, **kwargs: as of `Model.train_on_batch`.
        """
        with members_placed(len(self)):
            return super().train_on_batch(*args, **kwargs)

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the results of all members on one batch. Arguments are those of `Model.test_on_batch`.

        Args:
            *args, **kwargs: as of `Model.test_on_batch`.
        """
        with members_placed(len(self)):
            return super().test_on_batch(*args, **kwargs)

    def _take_running_means(self) -> None:
        """Assign the running means to the weights, as an optimizer with `use_ema` does at the end of a fit."""
        if self._compiled.plan is not None:
            for parameter, mean in getattr(self._template.optimizer, "running_means", list)():
                self._twins[parameter].assign(self._twins[mean].value)

    @property
    def learning_rate(self) -> np.ndarray:
        """The learning rates of the members; may be assigned, one number or one per member."""
        return np.array(self._rate_variable().value)

    @learning_rate.setter
    def learning_rate(self, rates: Any) -> None:
        variable = self._rate_variable()
        variable.assign(np.broadcast_to(np.asarray(rates, variable.dtype), variable.shape))

    def _rate_variable(self) -> Any:
        rate: Any = getattr(self._template.optimizer, "_learning_rate", None)
        if not is_variable(rate):
            raise ValueError(
                f"Optimizer {self._template.optimizer.name!r} of the members has no single learning rate that can be read or set: it "
                "follows a schedule, or is made of several optimizers. Compile with a number: Adam(learning_rate=0.01)."
            )
        return self._twins[rate]

    # -- what the engine asks -------------------------------------------------------------------------------------------

    @property  # type: ignore[misc]
    def optimizer(self) -> MemberOptimizer:
        """The optimizers of the members: `ensemble.optimizer.learning_rate` is an array with a value per member."""
        return MemberOptimizer(self)

    @property
    def name(self) -> str:
        """The name of the ensemble in messages."""
        return f"ensemble of {self._template.name}"

    @property
    def built(self) -> bool:
        """True if the members have weights."""
        return self._template.built

    @property
    def metrics(self) -> list:
        """The metrics of the template."""
        return self._template.metrics

    @property
    def host_stage(self) -> Any:
        """The part of the members that runs on the host; it is the same for all."""
        return self._template.host_stage

    def train_step(self, state: Any, batch: Any) -> Any:
        """Compute the step of all members on one batch."""
        return jax.vmap(self._template.train_step, (0, None))(state, batch)

    def works_by_rows(self) -> bool:
        return self._template.works_by_rows()

    def output_spec(self, x: Any) -> Any:
        return self._template.output_spec(x)

    def _arrange_inputs(self, x: Any) -> Any:
        return self._template._arrange_inputs(x)

    def _arrangement(self) -> Any:
        return self._template._arrangement()

    def _check_inputs(self, data: Any) -> None:
        self._template._check_inputs(data)

    def _weights(self, spec: Any) -> None:
        """Make the initial weights of all members, once."""
        if not self._has_weights:
            self._start.weights(self._twins, lambda model: None if model.built else model.output_spec(spec[0]))
            self._has_weights = True

    def _ready(self, compiled: Any, data: Any, shuffle: Any) -> Any:
        self._check_inputs(data)
        if compiled.plan is None:
            seen = data if self._rows is None else first_rows(data, self._rows.shape[1])
            spec = seen.spec() if isinstance(seen, ArrayData) else seen.peek(shuffle)
            data.reset()
            self._begin(spec, seen, shuffle)
            self._check_inputs(data)
        self._check_targets(compiled, data)
        return compiled.plan

    def _begin(self, spec: Any, data: Any, shuffle: Any) -> None:
        self._spec = spec
        with members_placed(len(self)):
            self._weights(spec)
            self._states = self._start.rest(self._twins, data, spec, shuffle)
            compiled = self._compiled
            compiled.parts = self._template._compiled.parts  # type: ignore[union-attr]
            compiled.plan = StackedPlan(compiled, self._template, self._twins, self._knobs, spec)

    def _take_over(self, other: "Ensemble", members: list[int]) -> None:
        """Become some members of another ensemble, which is as far as they are."""
        self._begin(other._spec, None, False)
        states: Any = other._states
        self._states = [states[member] for member in members]
        for ours, theirs in zip(self._compiled.plan.slots.variables, other._compiled.plan.slots.variables, strict=True):
            ours.assign(pick(theirs, np.asarray(members)))

    def _training_data(self, data: Any, shuffle: Any) -> Any:
        if isinstance(data, ArrayData):
            rows = self._rows
            if self.bootstrap:
                n = data.num_samples
                rows = np.stack([np.random.RandomState(seed).randint(n, size=n) for seed in self.seeds])
            data = MemberData(data, rows, self._states)
        elif self.bootstrap:
            raise ValueError("bootstrap=True draws from the rows of arrays, but x is a stream of batches. Pass arrays.")
        return data

    def _validation(
        self, validation_data: Any, batch_size: int | None, steps: int | None, frequency: Any
    ) -> Validation | None:
        if isinstance(validation_data, MemberData):
            arguments = {"x": validation_data, "steps": steps}
            return Validation(Feed(validation_data, self._compiled.stats), steps, frequency, arguments)
        return super()._validation(validation_data, batch_size, steps, frequency)

    def _one_batch(self, *args: Any) -> tuple:
        plan: Any
        plan, batch = super()._one_batch(*args)
        plan.axes = dict.fromkeys(plan.axes)
        return plan, batch

    def _watchers(self, callbacks: Any, *args: Any, **kwargs: Any) -> Any:
        return super()._watchers(per_member(callbacks), *args, **kwargs)

    # -- outputs --------------------------------------------------------------------------------------------------------

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the mean of the members' outputs.

        Args:
            x, *args, **kwargs: as of `Model.predict`.

        Returns:
            An array of shape (samples, ...), or the structure of arrays that the models return.
        """
        return jax.tree.map(lambda a: a.mean(axis=1), self._outputs(x, *args, **kwargs))

    def members(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs of each member.

        Args:
            x, *args, **kwargs: as of `Model.predict`.

        Returns:
            An array of shape (members, samples, ...).
        """
        return jax.tree.map(lambda a: np.moveaxis(a, 1, 0), self._outputs(x, *args, **kwargs))

    def spread(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the standard deviation of the members' outputs, a measure of their disagreement.

        Args:
            x, *args, **kwargs: as of `Model.predict`.

        Returns:
            An array of shape (samples, ...).
        """
        return jax.tree.map(lambda a: a.std(axis=1), self._outputs(x, *args, **kwargs))

    def _outputs(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        with members_placed(len(self)):
            return self._predicted(x, *args, **kwargs)

    def _predicted(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._has_weights:
            data = make_data(
                x, None, None, kwargs.get("batch_size"), 1, False, arrange=self._arrangement(), stage=self.host_stage
            )
            self._spec = data.peek(False)
            data.reset()
            self._weights(self._spec)
        return super().predict(x, *args, **kwargs)

    def _predictor(self) -> Prediction:
        if self._prediction is None or not self._prediction.fits(self, self._compiled.jit):
            self._prediction = StackedPrediction(self._template, self._twins, self._compiled.stats, self._compiled.jit)
        return self._prediction

    # -- files ----------------------------------------------------------------------------------------------------------

    def save(self, filepath: Any) -> None:
        """Write the members to a file: weights, the states of their optimizers, and where their orders stand.

        Args:
            filepath: the file's name. A file of this name is replaced once the new one is complete.

        Raises:
            ValueError: the members have no weights yet.

        >>> import jkeras, os, tempfile
        >>> def build():
        ...     model = jkeras.Sequential([jkeras.Input((2,)), jkeras.layers.Dense(1)])
        ...     model.compile("sgd", "mse")
        ...     return model
        >>> ensemble, x = Ensemble(build, seeds=[1, 2]), np.ones((4, 2))
        >>> history = ensemble.fit(x, x[:, :1], verbose=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ensemble.save(os.path.join(folder, "ensemble.npz"))
        ...     again = Ensemble.load(os.path.join(folder, "ensemble.npz"), build)
        >>> bool((again.predict(x, verbose=0) == ensemble.predict(x, verbose=0)).all())
        True
        """
        if not self._has_weights:
            raise ValueError("The members have no weights yet: call fit(), evaluate() or predict() before save().")
        saving.save(os.fspath(filepath), self.seeds, self.bootstrap, self._spec, self._saved(), self._states)

    @classmethod
    def load(cls, filepath: Any, build: Callable[[], Any]) -> "Ensemble":
        """Make the ensemble that `save` has written; training goes on where it stopped.

        Args:
            filepath: the file's name.
            build: the function that the ensemble was made with.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, or holds an ensemble of other models.
        """
        path = os.fspath(filepath)
        content = saving.read(path)
        ensemble = cls(build, content["seeds"], content["bootstrap"])
        if content["states"] is None:
            ensemble._spec = content["spec"]
            ensemble._weights(content["spec"])
        else:
            ensemble._begin(content["spec"], None, False)
            ensemble._states = [tuple(state) for state in content["states"]]
        saving.assign(path, ensemble._saved(), content["values"])
        return ensemble

    def _saved(self) -> Any:
        plan = self._compiled.plan
        return self._twins.of(list(self._template.slots().values())) if plan is None else plan.variables

    # -- single members -------------------------------------------------------------------------------------------------

    def __getitem__(self, member: int) -> Model:
        """A member as an ordinary model: a copy, with its weights and the state of its optimizer.

        Args:
            member: its number; -1 is the last one.

        Raises:
            IndexError: there is no such member.
        """
        if not isinstance(member, (int, np.integer)):
            raise TypeError(f"ensemble[...] takes the number of a member, got {member!r}.")
        if not -len(self) <= member < len(self):
            raise IndexError(f"The ensemble has {len(self)} members, so there is none at index {member}.")
        member = int(member) % len(self)
        model = self._start.single(member, self._spec if self._compiled.plan is not None else None)
        if self._has_weights and not model.built:
            model.output_spec(self._spec[0])
        pairs = zip(self._template.slots().values(), model.slots().values(), strict=True)
        if self._compiled.plan is not None:
            plans: list[Any] = [each._compiled.plan for each in (self._template, model)]  # type: ignore[union-attr]
            trees = [plan.slots.tree._replace(extra={}, metrics={}) for plan in plans]
            pairs = zip(*(jax.tree.leaves(variables, is_leaf=is_variable) for variables in trees), strict=True)
        if self._has_weights:
            for original, own in pairs:
                own.assign(pick(self._twins[original], member))
        return model

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))
