"""Ten fresh models of one architecture, each built, compiled and fitted for an epoch: does the second compile again?"""

import numpy as np

from benchmarks import workloads
from benchmarks.harness import COLUMNS, JKERAS, KERAS_MANY, Row, at_most, attempt, compilations, interleave, log, scaled
from benchmarks.peers import learner

MODELS, STEPS = 10, 200


def rows(name, options):
    workload, other = workloads.load("tutorial"), workloads.load("mlp")
    rng = np.random.default_rng(0)
    x, y = workload.data(rng, (options.steps or STEPS) * workload.BATCH)
    first, later, notes = {}, {}, []
    for column in COLUMNS:
        if column == KERAS_MANY:
            continue
        # The libraries' own start (imports, the device) is not what is asked: another architecture goes before.
        started = attempt(lambda column=column: learner(column, other).fit(*other.data(rng, other.BATCH), 1), column)
        if isinstance(started, str):
            first[column] = later[column] = started
            continue
        log(f"fresh: {column}")
        contender = {column: lambda column=column: learner(column, workload).fit(x, y, 1)}
        first.update(scaled(interleave(contender, 1, pause=0), 1e3))
        with compilations() as seconds:  # one after the other, as in a script: nobody else's threads have to calm down
            later.update(scaled(interleave(contender, MODELS - 1, pause=0), 1e3))
        notes.append(f"{column} {len(seconds)} in {sum(seconds):.2f} s")
    note = f"programs compiled meanwhile: {', '.join(notes)}"
    later[f"{JKERAS}'s first"] = first.get(JKERAS, "")
    title = "fresh models of the tutorial, built, compiled, one epoch:"
    return [
        Row(f"{title} the first", "ms", first),
        Row(f"{title} the nine after", "ms", later, (at_most(0.05, f"{JKERAS}'s first"),), [note]),
    ]
