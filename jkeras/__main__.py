"""`python -m jkeras script.py`: run a program written for Keras on jkeras, or report what of Keras it uses."""

import argparse
import sys
import traceback
from pathlib import Path
from types import ModuleType

from jkeras.compat.hook import as_keras
from jkeras.compat.report import report

USAGE = """python -m jkeras script.py [arguments]     run a script; `import keras` finds jkeras
       python -m jkeras -m package [arguments]    run a module
       python -m jkeras -c code [arguments]       run a text
       python -m jkeras --report path [path ...]  list what of Keras is used, in scripts, notebooks and folders, without running it"""


def main(arguments: list[str]) -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser("jkeras", USAGE, description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-m", metavar="package", dest="module")
    what.add_argument("-c", metavar="code", dest="code")
    what.add_argument("--report", nargs="+", metavar="path")
    what.add_argument("script", nargs="?")
    # Everything after the program belongs to it.
    cut = next((i + (a in ("-m", "-c")) for i, a in enumerate(arguments) if a in ("-m", "-c") or not a.startswith("-")), 0)
    own = arguments if "--report" in arguments[:1] else arguments[: cut + 1]
    options = parser.parse_args(own)
    if options.report:
        return report([Path(path) for path in options.report])
    rest = arguments[cut + 1 :]
    with as_keras():
        if options.module:
            return _run_module(options.module, rest)
        if options.code is not None:
            return _run("<string>", options.code, "-c", rest)
        path = Path(options.script)
        try:
            source = path.read_bytes()
        except OSError as error:
            print(f"python -m jkeras: can't open file {options.script!r}: {error}", file=sys.stderr)
            return 2
        sys.path[0] = str(path.resolve().parent)
        return _run(str(path), source, str(path), rest)


def _run_module(name: str, rest: list[str]) -> int:
    import runpy

    sys.argv = [name, *rest]
    sys.path[0] = ""
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def _run(filename: str, source: str | bytes, name: str, rest: list[str]) -> int:
    sys.argv = [name, *rest]
    module = ModuleType("__main__")
    module.__dict__.update(__file__=filename, __builtins__=__builtins__)
    sys.modules["__main__"] = module
    try:
        exec(compile(source, filename, "exec"), vars(module))
    except SystemExit:
        raise
    except BaseException as error:  # shown as Python shows it, from the first line of the program on
        begin = error.__traceback__.tb_next if error.__traceback__ is not None else None
        traceback.print_exception(error.with_traceback(begin))
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
