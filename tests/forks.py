"""Run `python -m jkeras` many times, importing jkeras only once: a process that has imported it forks for each run."""

import json
import os
import subprocess
import sys
from typing import NamedTuple

SERVER = """
import json, os, sys
from jkeras.__main__ import main
for line in sys.stdin:
    arguments, folder, environment, out, err = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(folder)
    os.environ.update(environment)
    sys.exit(main(arguments))
"""


class Done(NamedTuple):
    """How a run ended."""

    returncode: int
    stdout: str
    stderr: str


class Forks:
    """A context in which `run` forks."""

    def __enter__(self):
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_):
        self._server.stdin.close()
        self._server.stdout.close()
        assert self._server.wait(60) == 0

    def run(self, folder, *arguments, **environment):
        """Run `python -m jkeras *arguments` in a folder, and with more variables in the environment."""
        out, err = (os.path.join(folder, f"{name}.txt") for name in ("stdout", "stderr"))
        task = [[str(a) for a in arguments], str(folder), environment, out, err]
        self._server.stdin.write(json.dumps(task) + "\n")
        self._server.stdin.flush()
        status = int(self._server.stdout.readline())
        with open(out) as stdout, open(err) as stderr:
            return Done(status, stdout.read(), stderr.read())
