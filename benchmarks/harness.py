"""Timing, ratios and tables.

A shared machine drifts: its clock, its caches and its other tenants change between two runs of the same program. So
the contenders take turns (A B C, A B C, ...), each round gives one ratio between any two of them, and the figure
reported is the median of those ratios: what the rounds have in common cancels.
"""

import contextlib
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import traceback
import types
from dataclasses import asdict, dataclass, field

JKERAS, SCAN, LOOP = "jkeras", "raw JAX scan", "raw JAX loop"
KERAS, KERAS_MANY, TORCH, FLAX = "Keras", "Keras, many steps", "PyTorch", "Flax NNX"
COLUMNS = (JKERAS, SCAN, LOOP, KERAS, KERAS_MANY, TORCH, FLAX)
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
LIBRARIES = ("jkeras", "jax", "jaxlib", "optax", "keras", "torch", "flax", "numpy")


# ---- Goals and rows ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goal:
    """A bound on the ratio between a contender and the fastest of `than`.

    With `faster`, the ratio is theirs over ours and must be at least `limit`; otherwise ours over theirs, at most.
    """

    limit: float
    than: tuple[str, ...]
    faster: bool

    def __str__(self):
        bound = f"≥ {self.limit:g}x the speed of" if self.faster else f"≤ {self.limit:g}x"
        return f"{bound} {' and '.join(self.than)}"

    def judge(self, times, who=JKERAS):
        """The ratio reached, and whether it meets the goal; None where a side was not measured."""
        rivals = [name for name in self.than if measured(times, name)]
        if not rivals or not measured(times, who):
            return None
        rival = min(rivals, key=lambda name: statistics.median(times[name]))
        reached = ratio(times, rival, who) if self.faster else ratio(times, who, rival)
        return reached, reached >= self.limit if self.faster else reached <= self.limit


def at_most(limit, *than):
    """The time is at most `limit` times that of the fastest of `than`."""
    return Goal(limit, than, faster=False)


def faster(limit, *than):
    """The speed is at least `limit` times that of the fastest of `than`."""
    return Goal(limit, than, faster=True)


@dataclass
class Row:
    """What was measured for one workload.

    `times` maps a contender to its samples, in `unit`, or to the reason why there are none. A name that is no column
    may serve as the baseline of a goal.
    """

    title: str
    unit: str
    times: dict[str, list[float] | str]
    goals: tuple[Goal, ...] = ()
    notes: list[str] = field(default_factory=list)

    def to_json(self):
        return asdict(self)

    @classmethod
    def from_json(cls, data):
        goals = tuple(Goal(g["limit"], tuple(g["than"]), g["faster"]) for g in data["goals"])
        return cls(**{**data, "goals": goals})


def measured(times, name):
    return isinstance(times.get(name), list) and len(times[name]) > 0


def ratio(times, above, below):
    """The median over the rounds of one contender's time over another's (of medians, if the rounds do not pair)."""
    a, b = times[above], times[below]
    if len(a) != len(b):
        return statistics.median(a) / statistics.median(b)
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


# ---- Timing --------------------------------------------------------------------------------------------------------


def attempt(make, label):
    """`make()`, or in its place the reason why it cannot be had: a contender that is missing must not end the run."""
    try:
        return make()
    except ModuleNotFoundError as error:
        if error.name and "." not in error.name:
            return f"no {error.name}"
        reason = error
    except AttributeError as error:
        if isinstance(error.obj, types.ModuleType):  # the library has no such layer, loss, optimizer
            return f"not yet: {error.name}"
        reason = error
    except Exception as error:
        reason = error
    log(f"{label} failed:")
    traceback.print_exception(reason)
    return f"failed: {type(reason).__name__}"


def interleave(contenders, repeats, pause=0.2, patience=25.0):
    """Time `{name: function}` in turns; returns `{name: [seconds, one per round]}`.

    A `Player` returns the seconds that it has measured itself, in another process. A value that is no function (the
    reason for its absence) is passed through, and so is the reason of one that raises. The pause lets the threads of the
    last contender's pool go to sleep: for some milliseconds they spin. Whoever has used up `patience` seconds sits out
    the other rounds: one hopeless contender must not take the hour.
    """
    times = {name: [] if callable(run) else run for name, run in contenders.items()}
    for _ in range(repeats):
        for name, run in contenders.items():
            if not isinstance(times[name], list) or sum(times[name]) > patience:
                continue
            gc.collect()
            time.sleep(pause)
            start = time.perf_counter()
            outcome = attempt(run, name)
            elapsed = outcome if isinstance(run, Player) else time.perf_counter() - start
            times[name] = outcome if isinstance(outcome, str) else [*times[name], elapsed]
    return times


def scaled(times, factor):
    """The samples times `factor` (seconds to milliseconds, a run to a step)."""
    return {name: [t * factor for t in value] if isinstance(value, list) else value for name, value in times.items()}


@contextlib.contextmanager
def compilations():
    """Yields a list that receives the seconds of each XLA compilation within the block, in any thread."""
    import jax  # the harness itself must load where JAX is one of the things timed

    seconds = []

    def listen(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            seconds.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield seconds
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def child(*arguments, environment=None):
    """Run `python -m ...` to its end: the last line it prints as JSON, and the wall-clock seconds from start to exit.

    `environment` is added to that of this process.
    """
    start = time.perf_counter()
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=os.environ | (environment or {}))
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"python -m {' '.join(map(str, arguments))} ended with status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1]), seconds


def answer(measure):
    """The other side of `child`: print `measure(*arguments)`, or the reason why it cannot be had, as JSON."""
    print(json.dumps(attempt(lambda: measure(*sys.argv[1:]), " ".join(sys.argv))))


class Player:
    """A process that gets ready once, and then times its task whenever it is called: `python -m ...`, which calls `play`.

    A contender in a process of its own runs as it does for its users: with no other library's threads and allocator.
    """

    def __init__(self, *arguments):
        command = [sys.executable, "-m", *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.absence = self._answer()  # why it cannot play, or None

    def __call__(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        for line in self._process.stdout:
            if line.startswith("play: "):
                return json.loads(line.removeprefix("play: "))
        raise RuntimeError(f"{' '.join(self._process.args[1:])} ended with status {self._process.wait()}")

    def close(self):
        self._process.communicate()  # the end of its input ends it


@contextlib.contextmanager
def players(arguments):
    """`{name: Player(*arguments)}`, or in a player's place the reason of its absence; ends their processes afterwards."""
    made = {name: attempt(lambda args=args: Player(*args), name) for name, args in arguments.items()}
    try:
        yield {name: getattr(player, "absence", player) or player for name, player in made.items()}
    finally:
        for player in made.values():
            if isinstance(player, Player):
                player.close()


def play(prepare):
    """The other side of `Player`: `prepare(*arguments)` returns the task."""
    task = attempt(lambda: prepare(*sys.argv[1:]), " ".join(sys.argv))
    absent = isinstance(task, str)
    print("play:", json.dumps(task if absent else None), flush=True)
    for _ in sys.stdin if not absent else ():
        gc.collect()
        start = time.perf_counter()
        outcome = attempt(task, " ".join(sys.argv))
        seconds = time.perf_counter() - start
        print("play:", json.dumps(outcome if isinstance(outcome, str) else seconds), flush=True)


def log(text):
    print(text, file=sys.stderr, flush=True)


# ---- Tables --------------------------------------------------------------------------------------------------------


def number(value):
    """Three significant digits, without an exponent."""
    return f"{value:,.0f}" if value >= 99.5 else f"{value:#.3g}".rstrip(".")


def cell(times, name, baseline=SCAN):
    """The median, with its ratio to the baseline's where there is one; or the reason why there is none."""
    if not measured(times, name):
        return times.get(name, "") or ""
    text = number(statistics.median(times[name]))
    return f"{text} ({number(ratio(times, name, baseline))}x)" if measured(times, baseline) else text


def verdict(goal, times):
    outcome = goal.judge(times)
    if outcome is None:
        return f"{goal}: not measured"
    reached, met = outcome
    return f"{goal}: **{number(reached)}** {'✓' if met else '✗'}"


def table(rows):
    """The rows as a Markdown table, with each row's goals and what was reached."""
    lines = ["| workload | unit | " + " | ".join(COLUMNS) + " | goals of jkeras: reached |"]
    lines.append("|---" * (len(COLUMNS) + 3) + "|")
    for row in rows:
        cells = [cell(row.times, name) for name in COLUMNS]
        goals = "<br>".join(verdict(goal, row.times) for goal in row.goals)
        lines.append("| " + " | ".join([row.title, row.unit, *cells, goals]) + " |")
    notes = [f"- {row.title}: {note}" for row in rows for note in row.notes]
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


def machine():
    """The machine and the versions, one line each: what a figure means nothing without."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = []
    for library in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{library} {importlib.metadata.version(library)}")
    return (
        f"{processor()}, {CORES} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}\n\n"
        f"Python {platform.python_version()}, {', '.join(versions)}\n"
    )


def processor():
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown processor"
