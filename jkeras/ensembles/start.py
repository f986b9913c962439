"""The initial weights of the members of an ensemble: those that `set_random_seed(seed)` and `build()` would give.

The model is built once, and its initial values are computed for the other seeds. For a check, it is also built a
second time. If the two ways differ (for example because `build` draws random numbers itself), every member is built.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jkeras.core import tree
from jkeras.core.variable import Variable, is_variable
from jkeras.data import ArrayData
from jkeras.ensembles.draws import Draws, aside
from jkeras.ensembles.stacked import Twins
from jkeras.models import Model
from jkeras.utils import set_random_seed


class Start:
    """Builds models, and knows what each member starts from.

    Args:
        builds: for each member a function without arguments that returns a compiled model.
        seeds: one per member.
    """

    def __init__(self, builds: Sequence[Callable[[], Any]], seeds: Sequence[int]):
        self.builds, self.seeds = list(builds), list(seeds)
        self._draws = Draws()
        with aside():
            self.template, self._is_quiet = self._make(0, self._draws)
        compiled: Any = self.template._compiled
        self._is_made_on_data = compiled.is_made_on_data(self.template)
        self._other: Model | None = None  # of the second seed, for comparison
        self.rates: Any = None  # the learning rates of the members, where they differ
        self._is_fast = True

    def _make(self, member: int, draws: Draws | None = None) -> tuple[Model, bool]:
        """A new model as a member would be built, and whether building it drew nothing from NumPy's generator."""
        set_random_seed(self.seeds[member])
        before = _numpy_state()
        with (draws or Draws()).recorded():
            model = self.builds[member]()
        _check(model)
        after = _numpy_state()
        return model, bool(np.array_equal(before[0], after[0]) and before[1] == after[1])

    def weights(self, twins: Twins, ready: Callable[[Model], Any]) -> None:
        """Give the variables of the template's layers their twins.

        Args:
            twins: where they are put.
            ready: builds a model on the shapes of the data.
        """
        with aside():
            with self._draws.recorded():
                ready(self.template)
            slots = self.template.slots()
            stacks = self._replayed(list(slots.values()))
            if len(self.seeds) > 1:
                self._other, _ = self._make(1)
                ready(self._other)
                _compare(self.template, self._other)
                values = [v.read_box() for v in self._other.slots().values()]
                self._is_fast = all(_same(stack[1], value) for stack, value in zip(stacks, values, strict=True))
            if not self._is_fast:
                stacks = self._built(ready)
            for variable, stack in zip(slots.values(), stacks, strict=True):
                twins.add(variable, stack)

    def _replayed(self, variables: list[Variable]) -> list[np.ndarray]:
        """The initial values of all members, by the seeds that each would have drawn."""
        constant = []
        for variable in variables:
            self._draws.touched = False
            initial = variable.initial_value()
            constant.append(not self._draws.touched or not _same(initial, variable.read_box()))
        rows = []
        for seed in self.seeds:
            with self._draws.replay(seed):
                rows.append([v.read_box() if c else v.initial_value() for v, c in zip(variables, constant, strict=True)])
        return [np.stack(jax.device_get(column)) for column in zip(*rows, strict=True)]

    def _built(self, ready: Callable[[Model], Any]) -> list[np.ndarray]:
        """The initial values of all members, each of which is built."""
        rows = []
        for member in range(len(self.seeds)):
            model, _ = self._make(member)
            ready(model)
            _compare(self.template, model)
            rows.append([np.asarray(v.read_box()) for v in model.slots().values()])
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def rest(self, twins: Twins, data: Any, spec: Any, shuffle: Any) -> list:
        """Make the template ready to train, give what depends on the seed its twins, and draw as a fit does.

        Args:
            twins: where they are put.
            data: of the fit.
            spec: of its first batch.
            shuffle: as given to `fit`.

        Returns:
            For each member the state in which its fit would find NumPy's generator.
        """
        with aside():
            with self._draws.recorded():
                variables = _ready(self.template, spec).variables
            states = []
            for build, seed in zip(self.builds, self.seeds, strict=True):
                set_random_seed(seed)
                if not self._is_quiet:
                    build()
                if isinstance(data, ArrayData) and self._is_made_on_data:
                    data.peek(shuffle)
                states.append(np.random.get_state())
            mine = jax.tree.leaves(variables, is_leaf=is_variable)
            if self.rates is not None:
                rate: Any = self.template.optimizer._learning_rate
                twins.add(rate, np.asarray(self.rates, rate.dtype))
            if self._other is not None:
                others = jax.tree.leaves(_ready(self._other, spec).variables, is_leaf=is_variable)
                self._other = None
                pairs = [(v, other) for v, other in zip(mine, others, strict=True) if v not in twins]
                if not all(_same(v.read_box(), other.read_box()) for v, other in pairs):
                    self._build_rest(twins, spec, mine)
        return states

    def _build_rest(self, twins: Twins, spec: Any, mine: list) -> None:
        """The values of all members that are no weights, where they depend on the seed: each member is built."""
        places = [i for i, v in enumerate(mine) if v not in twins]
        rows = []
        for member in range(len(self.seeds)):
            found = jax.tree.leaves(_ready(self.single(member, spec), spec).variables, is_leaf=is_variable)
            rows.append([np.asarray(found[i].read_box()) for i in places])
        for place, column in zip(places, zip(*rows, strict=True), strict=True):
            twins.add(mine[place], np.stack(column))

    def single(self, member: int, spec: Any) -> Model:
        """A model as member `member` would be built; ready to train if `spec`, of a batch, is known."""
        with aside():
            model, _ = self._make(member)
            if spec is not None:
                _ready(model, spec)
        return model


def _ready(model: Model, spec: Any) -> Any:
    """Return the plan of a compiled model for batches of a spec."""
    compiled: Any = model._compiled
    return compiled.prepare(model, spec)


def _numpy_state() -> tuple:
    state: Any = np.random.get_state()
    return state[1:3]


def _check(model: Any) -> None:
    """Refuse what is no compiled model."""
    if not isinstance(model, Model):
        raise TypeError(f"build() must return a compiled model, but it returned {model!r}, of type {type(model).__name__}.")
    if not model.compiled:
        raise ValueError(
            f"build() returned the model {model.name!r}, which is not compiled. Compile it inside of build:\n"
            "    model.compile(optimizer='adam', loss='mse')\n    return model"
        )


def _compare(first: Model, second: Model) -> None:
    """Refuse models of different structure."""
    ours = {tree.show(p): (v.shape, v.dtype) for p, v in first.slots().items()}
    theirs = {tree.show(p): (v.shape, v.dtype) for p, v in second.slots().items()}
    if list(ours.values()) == list(theirs.values()):
        return
    differing = [
        f"  {path}: {ours.get(path, 'not there')} and {theirs.get(path, 'not there')}"
        for path in dict.fromkeys([*ours, *theirs])
        if ours.get(path) != theirs.get(path)
    ]
    raise ValueError(
        "All members need one architecture, but two calls of build() returned models whose weights differ:\n"
        + "\n".join(differing[:8])
        + "\nFor models of several sizes use jkeras.sweep(build, {'units': [8, 16]}, ...)."
    )


def _same(a: Any, b: Any) -> bool:
    """True if two arrays have the same bits."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
