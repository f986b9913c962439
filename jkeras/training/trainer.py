"""`fit`, `evaluate` and `predict`: the methods of a model for training.

The path of one batch: arrays -> `data` -> `feed` (onto the device) -> `engine` (many steps per call) -> callbacks.
"""

from typing import Any

import numpy as np

from jkeras.callbacks.backup import with_backup
from jkeras.callbacks.callback_list import CallbackList
from jkeras.callbacks.history import History
from jkeras.callbacks.progress import ProgbarLogger, Progress
from jkeras.callbacks.table import EpochTable
from jkeras.core import frame as frames
from jkeras.core import symbolic
from jkeras.core.containment import contained
from jkeras.core.turns import in_training
from jkeras.data import ArrayData, make_data, train_validation_split, unpack_x_y_sample_weight
from jkeras.data.arrays import Shuffle
from jkeras.errors import known_keywords
from jkeras.runtime import switches
from jkeras.runtime.activity import told
from jkeras.runtime.mesh import is_first_process
from jkeras.training.agreement import about_data, about_run, agreeing
from jkeras.training.compiled import PREPARING, Compiled
from jkeras.training.custom import built_in
from jkeras.training.epochs import Validation, train
from jkeras.training.feed import Feed, device_memory_budget
from jkeras.training.passes import EvaluationPass
from jkeras.training.plan import Plan
from jkeras.training.prediction import Prediction
from jkeras.training.run import Run
from jkeras.training.single_batches import SingleBatches
from jkeras.training.stats import Stats


class Trainer(SingleBatches):
    """The training half of a model; the other half is any `Module` that can be called on a batch of inputs."""

    _prediction: Prediction | None = None
    _last_history: History | None = None
    _run_of_fit: Run | None = None  # while fit runs
    has_fixed_structure = False  # whether the variables can only change in ways that call `_forget_programs`

    untraced: tuple[str, ...] = ("_prediction", "_last_history", "_run_of_fit")

    def _forget_programs(self) -> None:
        self._prediction = None

    def __getstate__(self) -> dict:
        return {k: v for k, v in list(vars(self).items()) if k not in Trainer.untraced}

    @property
    def history(self) -> History | None:
        """The `History` of the last `fit`."""
        return self._last_history

    @history.setter
    def history(self, history: History) -> None:
        self._last_history = history

    # -- fit ----------------------------------------------------------------------------------------------------------

    @known_keywords
    @contained
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Shuffle = True,
        class_weight: dict | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        resume: Any = None,
    ) -> History:
        """Train the model on data, for a number of epochs.

        Args:
            x: inputs: an array or nested structure of arrays with samples along the first axis, or anything that yields
                batches.
            y: targets, an array or nested structure of arrays. If `x` yields batches, the targets are part of them.
            batch_size: samples per step, 32 by default.
            epochs: the number of the last epoch.
            verbose: 0 silent, 1 or `"auto"` a progress bar, 2 a line per epoch, `"table"` a table with a row per epoch.
            callbacks: a list of `Callback`s.
            validation_split: the fraction at the end of the data that is set aside for validation.
            validation_data: `(x, y)`, `(x, y, sample_weight)`, or anything that yields batches.
            shuffle: True draws a new order in each epoch. `"batch"` shuffles within batches only.
            class_weight: `{class: weight}`, the weight of each sample by its class.
            sample_weight: one weight per sample.
            initial_epoch: the number of the first epoch, for continued training.
            steps_per_epoch: steps after which an epoch ends; None for all data.
            validation_steps: the number of steps of a validation; None for all data.
            validation_batch_size: samples per validation step.
            validation_freq: the number of epochs from one validation to the next, or a list of the epochs after which to validate.
            resume: a folder for a backup of this run, as with `BackupAndRestore(folder, save_seconds=300)`. If the run is killed, the
                same call in a new process continues from its last backup and ends with the same weights. The backup is made at the
                end of each epoch, and after five minutes within one. It is deleted when training is complete.

        Returns:
            The `History` of the epochs' results.

        Raises:
            ValueError: the data does not fit the model, or arrays do not fit each other (before the first step); the backup belongs to
                another run.
            RuntimeError: the model is being trained by another call of `fit`, in this thread or another one.

        >>> import jkeras
        >>> model = jkeras.Sequential([jkeras.Input((1,)), jkeras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.linspace(-1, 1, 8)[:, None]
        >>> history = model.fit(x, 2 * x, batch_size=4, epochs=3, verbose=0)
        >>> len(history.history["loss"])
        3
        """
        compiled = self._require_compiled("fit")
        plan = compiled.plan
        if self._run_of_fit is not None and plan is not None and plan.loan.turn.root().trainer is not None:
            raise in_training(f"Model {self.name!r}")
        _check_counts(epochs=epochs, initial_epoch=initial_epoch)
        _check_frequency(validation_freq)
        with agreeing() as facts:
            if validation_split and validation_data is None:
                x = self._arrange_inputs(x) if self._arrangement() else x
                x = x if self.host_stage is None else self.host_stage.wrap(x)
                (x, y, sample_weight), validation_data = train_validation_split((x, y, sample_weight), validation_split)
            data = make_data(
                x,
                y,
                sample_weight,
                batch_size,
                steps_per_epoch,
                shuffle,
                class_weight,
                compiled.class_axis,
                self._arrange_inputs,
                stage=self._trained_stage(),
            )
            plan = self._ready(compiled, data, shuffle)
            plan.warn_of_switched_weights()
            data = self._training_data(data, shuffle)
            epochs = switches.limited("epochs", epochs, switches.max_epochs()) or 0
            steps_per_epoch = self._limited("steps_per_epoch", steps_per_epoch, data)
            feed = Feed(data, compiled.stats)
            validation = self._validation(
                validation_data, validation_batch_size or batch_size, validation_steps, validation_freq
            )
            facts |= about_run(
                self,
                data,
                validation,
                epochs=epochs,
                initial_epoch=initial_epoch,
                shuffle=shuffle,
                steps_per_epoch=steps_per_epoch,
                validation_freq=validation_freq,
            )
        progress = EpochTable() if verbose == "table" else _progress(verbose)
        callbacks = with_backup(callbacks, resume)
        callbacks = self._watchers(callbacks, progress, verbose, epochs, feed.steps(steps_per_epoch), add_history=True)
        self.stop_training = False
        run = Run(self, feed, callbacks, shuffle, steps_per_epoch, initial_epoch)
        try:
            with plan.loan.turn.training(f"Model {self.name!r}"):
                train(run, epochs, validation, progress)
        finally:
            if self._run_of_fit is run:
                self._run_of_fit = None
        return self.history  # type: ignore[return-value]  # which the list of callbacks has set

    @staticmethod
    def _limited(name: str, steps: int | None, data: Any) -> int | None:
        return switches.limited(name, steps, switches.max_steps_per_epoch(), data.num_batches)

    def _ready(self, compiled: Compiled, data: Any, shuffle: Any) -> Plan:
        """Build what is not built, on the first batch's shapes, and check the data; before the first step."""
        self._check_inputs(data)
        if compiled.is_open:
            compiled.prepare(self, data.peek(shuffle if compiled.is_made_on_data(self) else False))
            data.reset()
            self._check_inputs(data)
        self._check_targets(compiled, data)
        return compiled.prepare(self)

    def _training_data(self, data: Any, shuffle: Any) -> Any:
        """The data as the loop of `fit` reads it; the members of an ensemble read it in orders of their own."""
        return data

    def _check_targets(self, compiled: Compiled, data: Any, where: str = "") -> None:
        """Compare targets with what the losses expect: all that are at hand, or each batch as it comes."""
        if compiled.parts is None or compiled.parts.objective is None:
            return
        if not isinstance(data, ArrayData):
            data.check = compiled.parts.check_targets
            return
        try:
            compiled.parts.check_targets(
                data.inputs, data.tree[1] if data.resident(device_memory_budget()) else data.targets
            )
        except ValueError as error:
            if not where:
                raise
            raise ValueError(f"{where}: {error}") from None

    # -- evaluate -----------------------------------------------------------------------------------------------------

    @built_in
    @known_keywords
    @contained
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on some data, without training.

        Args:
            x, y, sample_weight, batch_size, verbose, callbacks: as in `fit`.
            steps: the number of batches; None for all.
            return_dict: whether to return `{name: value}` instead of a list.

        Returns:
            The loss if there are no metrics, else a list `[loss, metric, ...]`, or a dict.
        """
        compiled = self._require_compiled("evaluate")
        with agreeing() as facts:
            data = make_data(
                x, y, sample_weight, batch_size, steps, False, arrange=self._arrangement(), stage=self.host_stage
            )
            self._ready(compiled, data, False)
            facts |= about_data(data)
        steps = self._limited("steps", steps, data)
        feed = Feed(data, compiled.stats, once=True)
        if self._run_of_fit is not None and callbacks is self._run_of_fit.callbacks:  # the validation of `fit`
            progress, watchers = None, callbacks
        else:
            progress = _progress(verbose)
            watchers = self._watchers(callbacks, progress, verbose, 1, feed.steps(steps))
        logs = EvaluationPass(self, feed, watchers, progress, steps).evaluate()
        return self._result(logs, return_dict)

    def _validation(
        self, validation_data: Any, batch_size: int | None, steps: int | None, frequency: Any
    ) -> Validation | None:
        if validation_data is None:
            return None
        in_arrays = isinstance(validation_data, (tuple, list))
        x, y, weights = unpack_x_y_sample_weight(tuple(validation_data)) if in_arrays else (validation_data, None, None)
        size, arrange = batch_size if in_arrays else None, self._arrangement()
        data = make_data(x, y, weights, size, steps, False, arrange=arrange, stage=self.host_stage)
        self._check_inputs(data)
        compiled = self._require_compiled("fit")
        self._check_targets(compiled, data, "validation_data")
        limit, arguments = self._limited("validation_steps", steps, data), {"batch_size": size, "steps": steps}
        arguments |= {"x": x, "y": y, "sample_weight": weights}
        return Validation(Feed(data, compiled.stats), limit, frequency, arguments)

    # -- predict ------------------------------------------------------------------------------------------------------

    def works_by_rows(self) -> bool:
        """True if predictions for a row are known to depend on that row alone; said of graphs of the library's own layers."""
        return False

    @known_keywords
    @contained
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The model's outputs for some inputs, as NumPy arrays.

        Args:
            x, verbose, callbacks: as in `fit`.
            batch_size: rows per batch. None takes 32 and, where the outputs of the model's layers for a row are known to depend on
                that row alone and no callback watches batches, computes several batches at once.
            steps: the number of batches; None for all.

        Returns:
            An array, or the structure of arrays that the model returns, with one row per sample.
        """
        is_quiet = verbose == 0 and steps is None and not callbacks and switches.max_steps_per_epoch() is None
        if is_quiet and self.built and self._predictor().repeats(x, batch_size):
            return self._predictor().repeat(x, batch_size)
        with agreeing() as facts:
            data = make_data(x, None, None, batch_size, steps, False, arrange=self._arrangement(), stage=self.host_stage)
            if not self.built:
                with PREPARING:
                    if not self.built:
                        self.output_spec(data.peek(False)[0])
                data.reset()
            self._check_inputs(data)
            facts |= about_data(data)
        prediction = self._predictor()
        steps = self._limited("steps", steps, data)
        progress, total = _progress(verbose), data.num_batches if steps is None else steps
        watchers = self._watchers(callbacks, progress, verbose, 1, total)
        ours = batch_size is None and steps is None and not watchers.watch("predict")
        width = prediction.widen(data) if ours else 1
        feed = Feed(data, prediction.stats, once=True, pad=prediction.by_rows)
        with told(progress.say if progress else None):
            outputs = prediction.run(feed, steps, watchers, progress, width, total)
        data.end_epoch()
        if is_quiet and self.host_stage is None:
            prediction.remember(x, batch_size, feed)
        return outputs

    def _predictor(self) -> Prediction:
        jit = self._compiled is None or self._compiled.jit
        if self._prediction is None or not self._prediction.fits(self, jit):
            self._prediction = Prediction(self, self._compiled.stats if self._compiled else Stats(), jit)
        return self._prediction

    def _watchers(
        self,
        callbacks: Any,
        progress: Progress | None,
        verbose: Any,
        epochs: int,
        steps: int | None,
        add_history: bool = False,
    ) -> CallbackList:
        """The user's callbacks, the `History` of a fit, and the progress bar, which shows what the others write into the logs."""
        listed = CallbackList(callbacks, add_history)
        listed.callbacks = [
            c for c in listed.callbacks if not isinstance(c, ProgbarLogger)
        ]  # there is a bar, or none is wanted
        verbose = 2 if verbose == "table" else verbose  # callbacks know a line per epoch
        return CallbackList([*listed.callbacks, progress], model=self, verbose=verbose, epochs=epochs, steps=steps)

    # -- checks -------------------------------------------------------------------------------------------------------

    def output_spec(self, x: Any) -> Any:
        """The outputs' shapes and dtypes for inputs of given shapes; builds the model."""

        def call(x: Any) -> Any:
            with frames.Frame(abstract=True, training=False):
                return self._call_on(x, training=False)

        return symbolic.eval_shape(call, x)

    def _trained_stage(self) -> Any:
        if self.host_stage is not None:
            self.host_stage.check_trainable()
        return self.host_stage

    def _arrange_inputs(self, x: Any) -> Any:
        """Inputs in the structure that the model takes; models that know their inputs do more."""
        return x

    def _arrangement(self) -> Any:
        """Return the function that arranges data before it is moved, or None if a custom step uses the data as it was
        given.
        """
        steps = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")
        own = any(getattr(type(self), name) is not getattr(Trainer, name) for name in steps)
        return None if own else self._arrange_inputs

    def _check_inputs(self, data: Any) -> None:
        """Check data before the first step, as far as possible. Models that know their inputs check more."""


def _progress(verbose: Any) -> Progress | None:
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose must be 'auto', 0, 1 or 2 (in fit also 'table'), got {verbose!r}.")
    return Progress(2 if verbose == 2 else 1) if verbose and is_first_process() else None


def _check_frequency(frequency: Any) -> None:
    numbers = frequency if isinstance(frequency, (list, tuple, set)) else [frequency]
    if not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1 for n in numbers):
        raise ValueError(
            f"validation_freq must be a positive integer (2: after every second epoch), or a list of the epochs (counted from 1) "
            f"after which to validate, got validation_freq={frequency!r}."
        )


def _check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        if not isinstance(value, (int, np.integer)) or value < 0:
            raise ValueError(f"{name} must be a non-negative integer, got {name}={value!r}.")
