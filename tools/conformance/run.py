#!/usr/bin/env python3
"""Runs Keras's own tests against jkeras; README.md beside it says how."""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from fetch import fetch
from kconf import areas, document
from kconf.runner import OUTCOMES, Runner, by_area

ROOT = HERE.parents[1]
RECORDED = HERE / "recorded.json"


def read_selection():
    """The tests, with the seconds that each takes with Keras."""
    rows = [line.split("\t") for line in (HERE / "selection.tsv").read_text().splitlines() if not line.startswith("#")]
    return {row[0]: float(row[1]) for row in rows}


def is_fast(test):
    """Whether a test is of the fixed tenth that runs at every change."""
    return int(hashlib.md5(test.encode()).hexdigest(), 16) % 10 == 0


def choose(options, selection):
    """The tests that the options ask for."""
    ids = sorted(selection)
    if options.fast:
        ids = [i for i in ids if is_fast(i) and selection[i] < 3.0]
    if options.area:
        ids = [i for i in ids if areas.in_area(i, options.area)]
    if options.again:
        failed = {line.split("\t")[1] for line in Path(options.again).read_text().splitlines()}
        ids = [i for i in ids if i in failed]
    if options.match:
        ids = [i for i in ids if any(text in i for text in options.match)]
    return ids


def print_table(table):
    """Print what passed, by area."""
    print(f"{'area':28}" + "".join(f"{name:>9}" for name in (*OUTCOMES, "total", "%", "% (*)")))
    for area, row in table.items():
        share = 100 * row["passed"] / row["total"]
        share_with_messages = 100 * (row["passed"] + row["message"]) / row["total"]
        print(f"{area:28}" + "".join(f"{n:9}" for n in row.values()) + f"{share:9.1f}{share_with_messages:9.1f}")
    print("(*) tests that pass but for the text of a message counted as passed")


def compare_with_recorded(table, record):
    """Compare the fast part with the number on record; returns the exit status."""
    passed = table["TOTAL"]["passed"] + table["TOTAL"]["message"]
    if record:
        RECORDED.write_text(json.dumps({"fast": passed}) + "\n")
    recorded = json.loads(RECORDED.read_text())["fast"]
    print(f"{passed} of the fast part pass; {recorded} are on record.")
    if passed < recorded:
        print("Fewer than before: a change has taken away something that Keras's tests rely on.", file=sys.stderr)
        return 1
    if passed > recorded:
        print("More than before: write the new number down with `make conformance-fast RECORD=--record`.")
    return 0


def arguments():
    """Read the command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--fast", action="store_true", help="a fixed tenth; fails if fewer pass than are on record")
    p.add_argument("--record", action="store_true", help="with --fast: put the number on record")
    p.add_argument("--write", action="store_true", help="write docs/conformance.md")
    p.add_argument("--area", nargs="+", action="extend", default=[], help="only these areas")
    p.add_argument("--match", nargs="+", action="extend", default=[], help="only tests whose id contains one of these texts")
    p.add_argument("--again", metavar="FILE", help="only the tests that an earlier run has listed as not passed")
    p.add_argument("--list", action="store_true", help="list the tests and do not run them")
    p.add_argument("-n", type=int, default=2, help="processes")
    p.add_argument("--timeout", type=float, default=120, help="seconds per test")
    p.add_argument("--target", default="jkeras", help="package under test; `nothing` is an empty package")
    p.add_argument("--target-path", default=ROOT, help="folder to put on the path")
    p.add_argument(
        "--keras-src", default=os.environ.get("KERAS_SRC"), help="unpacked source release; downloaded if not given"
    )
    p.add_argument("--failures", default="build/conformance/failures.txt", help="where to list the tests that did not pass")
    p.add_argument("--json", help="write the results of all tests to this file")
    p.add_argument("--jit-cache", help="folder of JAX's persistent compilation cache, which makes a second run faster")
    p.add_argument("--work", help="keep the logs in this folder")
    p.add_argument("--quiet", action="store_true", help="no progress")
    return p.parse_args()


def main():
    """Do what the command line says; returns the exit status."""
    options, selection = arguments(), read_selection()
    ids = choose(options, selection)
    if options.list:
        for i in ids:
            print(f"{areas.area_of(i)}\t{selection[i]:.2f}\t{i}")
        return 0
    if not ids:
        sys.exit("no test is selected")
    source = Path(options.keras_src) if options.keras_src else fetch(ROOT / "build" / "conformance")
    if not (source / "keras" / "src").is_dir():
        sys.exit(f"{source} is not an unpacked source release of Keras")
    begin = time.time()
    with tempfile.TemporaryDirectory(prefix="kconf") as temporary:
        work = Path(options.work or temporary)
        work.mkdir(parents=True, exist_ok=True)
        runner = Runner(options.target, source, work, options.target_path, options.timeout, options.jit_cache, options.quiet)
        results = runner.run(ids, selection, options.n)
    table = by_area(results)
    print_table(table)
    print(f"{time.time() - begin:.0f} s with -n {options.n}")
    wanted = Counter(r["msg"].removeprefix("missing: ") for r in results.values() if r["outcome"] == "missing")
    for name, n in wanted.most_common(15):
        print(f"{n:5} tests miss {name}")
    failures = Path(options.failures)
    failures.parent.mkdir(parents=True, exist_ok=True)
    bad = [(r["outcome"], i, r["msg"]) for i, r in results.items() if r["outcome"] not in ("passed", "absent")]
    failures.write_text("".join("\t".join(row) + "\n" for row in bad))
    print(f"what did not pass is listed in {failures}")
    if options.json:
        Path(options.json).write_text(json.dumps({"areas": table, "tests": results}, indent=1))
    if options.write:
        unexplained = document.write(ROOT / "docs" / "conformance.md", results, table, ROOT / "docs" / "differences.md")
        print(f"docs/conformance.md is written; {unexplained} failures have no reason yet")
    return compare_with_recorded(table, options.record) if options.fast else 0


if __name__ == "__main__":
    sys.exit(main())
