"""Writes docs/conformance.md: what passes, by area, and the reason of every test that does not."""

import json
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

HERE = Path(__file__).parents[1]
PACKAGES = HERE.parent / "packages" / "results.json"  # what `make packages` has measured
TITLE = "\n## Packages built on Keras\n\n"
KINDS = {
    "jax": "It makes no sense on JAX",
    "difference": "A difference that is meant",
    "private": "A private detail of Keras",
    "later": "Not there yet",
}
HEAD = """# Keras's own tests

`make conformance` writes this file. It downloads Keras's source release, and runs those of Keras's tests that use only public names
against jkeras. [tools/conformance/README.md](../tools/conformance/README.md) describes how tests are selected and run. This repository
contains only the names of the tests.

`message` counts tests that fail only because the text of an error is different. The last two columns count them as passed. `before`
is the result of the first run from this repository. (When such tests were first run against jkeras, 73 % of them passed.)

"""


def write(path, results, table, differences):
    """Write the document.

    Args:
        path: where to.
        results: `{test: {"outcome", "msg"}}`.
        table: the counts by area.
        differences: docs/differences.md, whose lines reasons name.

    Returns:
        How many failures have no reason.
    """
    before = json.loads((HERE / "before.json").read_text())
    rows = [
        "| area | tests | passed | message | failed | before | now |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for area, row in table.items():
        good = row["passed"] + row["message"]
        failed = row["total"] - good - row["skipped"]
        name = "**together**" if area == "TOTAL" else area
        was = f"{before[area]:.1f} %" if area in before else ""
        now = f"{100 * good / row['total']:.1f} %"
        rows.append(f"| {name} | {row['total']} | {row['passed']} | {row['message']} | {failed} | {was} | {now} |")
    groups, unexplained = explain(results, differences.read_text().splitlines())
    parts = [HEAD, "\n".join(rows), "\n\n## What fails, and why\n"]
    for kind, title in KINDS.items():
        entries = [(reason, tests) for (k, reason), tests in groups.items() if k == kind]
        if entries:
            parts.append(f"\n### {title}\n")
        parts += [f"\n{reason}\n\n" + "".join(f"- `{short(test)}`\n" for test in tests) for reason, tests in entries]
    if unexplained:
        parts.append("\n### To be mended\n\n" + "".join(f"- `{short(test)}`\n" for test in unexplained))
    path.write_text("".join(parts) + packages())
    return len(unexplained)


def packages():
    """The last section of the document, from what `make packages` has recorded."""
    rows = [
        f"| {name} | {row['passed']} | {row['keras']} | {row.get('remains', '')} |\n"
        for name, row in json.loads(PACKAGES.read_text()).items()
    ]
    head = "| package | tests passed | with Keras | what fails |\n| --- | ---: | ---: | --- |\n"
    return f"{TITLE}`make packages` runs these packages' own tests with jkeras.\n\n{head}{''.join(rows)}"


def write_packages(path):
    """Replace the last section of the document only.

    Args:
        path: of the document.
    """
    path.write_text(path.read_text().partition(TITLE)[0] + packages())


def explain(results, lines):
    """Divide the failures by their reasons.

    Args:
        results: `{test: {"outcome", "msg"}}`.
        lines: the lines of docs/differences.md.

    Returns:
        `({(kind, reason): [test]}, [test without reason])`.

    Raises:
        ValueError: a reason is of an unknown kind, or names a difference that the lines do not have.
    """
    groups, places, unexplained = {}, [], []  # reasons may have one text
    reasons = tomllib.loads((HERE / "reasons.toml").read_text())["reason"]
    for reason in reasons:
        text = reason["why"]
        if reason["kind"] not in KINDS:
            raise ValueError(f"reasons.toml: {reason['kind']!r} is none of {', '.join(KINDS)}")
        if reason["kind"] == "difference":
            numbers = [n for n, line in enumerate(lines, 1) if reason["line"] in line]
            if not numbers:
                raise ValueError(f"reasons.toml: docs/differences.md has no line with {reason['line']!r}")
            text += f" ([differences.md](differences.md), line {numbers[0]})"
        places.append(groups.setdefault((reason["kind"], text), []))
    for test, result in sorted(results.items()):
        if result["outcome"] in ("passed", "message", "skipped", "xfail", "absent"):
            continue
        for reason, found in zip(reasons, places, strict=True):
            if any(fnmatchcase(short(test), pattern) for pattern in reason["tests"]):
                found.append(test)
                break
        else:
            unexplained.append(test)
    return {key: tests for key, tests in groups.items() if tests}, unexplained


def short(test):
    """A test's id without the folders that all have."""
    return test.removeprefix("keras/src/")
