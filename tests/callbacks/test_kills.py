"""A run that is killed with SIGKILL at random moments, and started again each time, ends with the same bits.

`JKERAS_KILLS=5` sets how often the run of each case is killed; 5 in each of the 5 cases make 25.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.callbacks.killed_runs import CASES

KILLS = int(os.environ.get("JKERAS_KILLS", "2"))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Nursery:
    """Starts runs in processes of their own."""

    def __init__(self, cache):
        environment = os.environ | {
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PLATFORMS": "cpu",
        }
        command = [sys.executable, "-W", "ignore", "-m", "tests.callbacks.killed_runs"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment)

    def run(self, case, folder, kill_after=None, of_training=True):
        """Start a run, and kill it so many seconds after its first step, or after its start.

        Returns its exit status, and how many seconds its training took after the first step.
        """
        self.process.stdin.write(f"{case};{folder}\n")
        self.process.stdin.flush()
        child, timer = int(self.process.stdout.readline().split()[1]), None
        begun = time.monotonic()

        def arm():
            nonlocal timer
            timer = threading.Timer(kill_after, os.kill, (child, signal.SIGKILL))
            timer.start()

        if kill_after is not None and not of_training:
            arm()
        line = self.process.stdout.readline().split()
        if line[0] == "begun":
            begun = time.monotonic()
            if kill_after is not None and of_training:
                arm()
            line = self.process.stdout.readline().split()
        if timer is not None:
            timer.cancel()
        return os.waitstatus_to_exitcode(int(line[1])), time.monotonic() - begun

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    made = Nursery(tmp_path_factory.mktemp("cache"))
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_killed_runs_end_with_the_same_bits(case, nursery, tmp_path):
    folder = tmp_path / "whole"
    assert nursery.run(case, folder)[0] == 0
    expected = (tmp_path / "whole.digest").read_text()
    code, seconds = nursery.run(case, tmp_path / "again")  # the time of a run whose programs are in the cache
    assert code == 0 and (tmp_path / "again.digest").read_text() == expected
    kills, backups, folder = [], 0, tmp_path / "killed"
    for _ in range(20 * KILLS):
        if len(kills) == KILLS:
            break
        backups += folder.exists() and any(folder.iterdir())
        moment, of_training = random.uniform(0, 1) * seconds, random.random() < 0.8
        code, _ = nursery.run(case, folder, moment, of_training)
        if code == -signal.SIGKILL:
            kills.append(round(moment, 2) if of_training else "at the start")
            continue
        assert code == 0 and (tmp_path / "killed.digest").read_text() == expected, (case, kills)
        (tmp_path / "killed.csv").unlink()  # it came to its end before: begin another run
    assert len(kills) == KILLS
    assert nursery.run(case, folder)[0] == 0
    assert (tmp_path / "killed.digest").read_text() == expected, (case, kills)
    assert not folder.exists()
    print(f"{case}: killed after {kills} of {seconds:.2f} s, going on from {backups} backups")
