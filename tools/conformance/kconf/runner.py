"""Runs tests in worker processes that are followed by the events they write, so that one that crashes or hangs costs one test."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

from kconf import areas, static

HERE = Path(__file__).parents[1]


class Job:
    """Tests that one process runs."""

    def __init__(self, devices):
        self.ids = []
        self.expected = 0.0  # seconds
        self.devices = devices


def make_jobs(ids, selection, processes):
    """Divide tests into jobs of similar length; the longest first.

    Args:
        ids: the tests.
        selection: seconds that each takes.
        processes: how many run at once.
    """
    longest = max(10.0, min(90.0, sum(selection[i] for i in ids) / processes / 3))
    most = max(50, min(500, len(ids) // processes + 1))
    jobs = []
    for i in sorted(ids, key=lambda i: (areas.devices_of(i), i)):
        devices = areas.devices_of(i)
        job = jobs[-1] if jobs else None
        full = job and (job.expected + selection[i] > longest or len(job.ids) >= most)
        if not job or full or job.devices != devices:
            job = Job(devices)
            jobs.append(job)
        job.ids.append(i)
        job.expected += selection[i]
    return sorted(jobs, key=lambda job: -job.expected)


class Runner:
    """Runs jobs and collects `results`: `{test: {"outcome", "secs", "msg"}}`.

    Args:
        target: the package under test.
        keras_src: the unpacked source release of Keras.
        work: a folder for logs.
        target_path: a folder to put on the path, so that the target can be imported.
        timeout: seconds that a test may take.
        jit_cache: folder of JAX's persistent compilation cache.
        quiet: whether to keep the progress to itself.
    """

    def __init__(self, target, keras_src, work, target_path=None, timeout=60.0, jit_cache=None, quiet=False):
        self.target, self.keras_src, self.work = target, Path(keras_src).resolve(), Path(work).resolve()
        self.target_path, self.timeout, self.jit_cache, self.quiet = target_path, timeout, jit_cache, quiet
        self.lock = threading.Lock()
        self.results = {}
        self.broken = {}  # file -> errors of its top-level statements
        self.collect_errors = {}
        self.counter = 0
        self.planned = 0
        self.started = time.time()
        self.ini = self.work / "pytest.ini"
        self.ini.write_text("[pytest]\npython_files = *_test.py\nfilterwarnings = default\n")

    def run(self, ids, selection, processes):
        """Run tests; returns the results."""
        self.planned = len(ids)
        problem = self.preflight()
        if problem:
            print(f"cannot import the target: {problem}", file=sys.stderr)
            return {i: {"outcome": "failed", "secs": 0.0, "msg": f"cannot import the target: {problem}"} for i in ids}
        queue = make_jobs(ids, selection, processes)

        def worker():
            while True:
                with self.lock:
                    if not queue:
                        return
                    job = queue.pop(0)
                self.run_job(job)

        threads = [threading.Thread(target=worker) for _ in range(processes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {i: self.results[i] for i in ids if i in self.results}

    def environment(self, devices=1):
        env = dict(os.environ)
        if devices > 1:
            env["XLA_FLAGS"] = f"{env.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
        env.setdefault("JAX_PLATFORMS", "cpu")
        env.update(KERAS_BACKEND="jax", TF_CPP_MIN_LOG_LEVEL="3", PYTHONDONTWRITEBYTECODE="1")
        env["KERAS_HOME"] = env["JKERAS_HOME"] = str(self.work / "keras_home")
        if self.jit_cache:
            env["JAX_COMPILATION_CACHE_DIR"] = os.path.abspath(self.jit_cache)
            env.update(JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0", JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES="-1")
        paths = [HERE, self.target_path and os.path.abspath(self.target_path), env.get("PYTHONPATH")]
        env["PYTHONPATH"] = os.pathsep.join(str(path) for path in paths if path)
        return env

    def preflight(self):
        """Why the target cannot be imported, or None."""
        code = "import pytest, absl.testing, jax, numpy"
        if self.target != "nothing":
            code += f", {self.target}"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=self.work, env=self.environment(), capture_output=True, text=True
        )
        return (done.stderr.strip().splitlines() or ["?"])[-1] if done.returncode else None

    def run_job(self, job):
        remaining = list(job.ids)
        while remaining:
            state = self.follow(remaining, job.devices)
            remaining = [i for i in remaining if i not in self.results]
            if state["running"] is None:  # the process ended by itself: what is left was not collected
                with self.lock:
                    for i in remaining:
                        self.results[i] = self.not_collected(i, state)
                return

    def launch(self, ids, devices):
        with self.lock:
            self.counter += 1
            name = self.work / f"job{self.counter}"
        events, spec, cwd = name.with_suffix(".jsonl"), name.with_suffix(".json"), name.with_suffix(".cwd")
        job = {
            "target": self.target,
            "keras_src": str(self.keras_src),
            "ids": ids,
            "results": str(events),
            "timeout": self.timeout,
        }
        spec.write_text(json.dumps(job))
        events.touch()
        cwd.mkdir()
        command = [sys.executable, "-m", "pytest", "-p", "kconf.plugin", "-p", "no:cacheprovider", "--noconftest"]
        command += ["-c", self.ini, "--rootdir", self.keras_src, "-q", "--no-header", "--no-summary", "--disable-warnings"]
        command += [
            "--tb=native",
            "--continue-on-collection-errors",
        ]  # pytest's own way to show errors parses the file each time
        command += [self.keras_src / file for file in sorted({i.split("::")[0] for i in ids})]
        with name.with_suffix(".log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**self.environment(devices), "KCONF_JOB": str(spec)},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return process, name

    def follow(self, ids, devices):
        process, name = self.launch(ids, devices)
        state = {"running": None, "collected": set(), "collected_event": False, "tail": ""}
        position, since, killed = 0, time.time(), None
        while True:
            ended = process.poll() is not None
            with name.with_suffix(".jsonl").open("rb") as file:
                file.seek(position)
                chunk = file.read()
            chunk = chunk[: chunk.rfind(b"\n") + 1]
            position += len(chunk)
            for line in chunk.splitlines():
                since = time.time()
                self.handle(json.loads(line), state)
            if ended:
                break
            limit = self.timeout + 30 if state["running"] else 300
            if time.time() - since > limit:
                killed = f"no progress for {limit:.0f} s, process killed"
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                continue
            time.sleep(0.2)
        lines = [x for x in name.with_suffix(".log").read_text(errors="replace").splitlines() if x.strip()]
        state["tail"] = " | ".join(lines[-4:])[-500:]
        if state["running"]:
            outcome = "timeout" if killed else "failed"
            message = killed or f"process died, code {process.returncode}"
            with self.lock:
                self.results[state["running"]] = {"outcome": outcome, "secs": 0.0, "msg": message}
        return state

    def handle(self, event, state):
        with self.lock:
            match event["event"]:
                case "start":
                    state["running"] = event["id"]
                case "done":
                    state["running"] = None
                    self.results[event["id"]] = {k: event[k] for k in ("outcome", "secs", "msg")}
                    self.progress()
                case "collected":
                    state["collected_event"] = True
                    state["collected"].update(event["ids"])
                case "broken":
                    self.broken[event["file"]] = event["errors"]
                case "collect_error":
                    self.collect_errors[event["id"]] = event["msg"][-500:]

    def not_collected(self, test, state):
        file = test.split("::")[0]
        error = self.collect_errors.get(file)
        if error is None and test in state["collected"]:
            error = f"the test process ended early: {state['tail']}"
        if error is None and not state["collected_event"]:
            error = f"the test process did not start: {state['tail']}"
        if error is None:
            error = static.why_absent(self.keras_src, test, self.broken.get(file))
        return {"outcome": "failed" if error else "absent", "secs": 0.0, "msg": error or "no such test in this release"}

    def progress(self):
        n = len(self.results)
        if not self.quiet and (n % 100 == 0 or n == self.planned):
            passed = sum(r["outcome"] == "passed" for r in self.results.values())
            seconds = time.time() - self.started
            print(f"  {n}/{self.planned} tests, {passed} passed, {seconds:.0f} s", file=sys.stderr, flush=True)


def by_area(results):
    """The outcomes of each area, counted, and of all together: `{area: {outcome: number, "total": number}}`."""
    table = defaultdict(lambda: dict.fromkeys((*OUTCOMES, "total"), 0))
    for test, result in sorted(results.items()):
        outcome = {"error": "failed", "xfail": "skipped"}.get(result["outcome"], result["outcome"])
        if outcome == "absent":
            continue
        for area in (areas.area_of(test), "TOTAL"):
            table[area][outcome] += 1
            table[area]["total"] += 1
    return {area: table[area] for area in sorted(table, key=lambda a: (a == "TOTAL", a))}


OUTCOMES = ("passed", "message", "missing", "failed", "timeout", "skipped")
