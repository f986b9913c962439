"""pytest plugin: collects Keras test files through the shim, logs results.

Configured by the JSON file named in $KCONF_JOB; one JSON object per line goes
to the results file named there.
"""

import hashlib
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from kconf import loader, missing

JOB = json.loads(Path(os.environ["KCONF_JOB"]).read_text())
LOG = Path(JOB["results"]).open("a", buffering=1)  # noqa: SIM115 (open as long as the process lives)
LOADER = loader.start(JOB["target"], JOB["keras_src"])
IDS = set(JOB["ids"])
TIMEOUT = JOB.get("timeout", 60)


def log(**record):
    LOG.write(json.dumps(record) + "\n")


class Timeout(BaseException):
    pass


class KerasTestModule(pytest.Module):
    def _getobj(self):
        return LOADER.load(self.path)


class PlainDir(pytest.Dir):
    pass


def pytest_pycollect_makemodule(module_path, parent):
    return KerasTestModule.from_parent(parent, path=module_path)


def pytest_collect_directory(path, parent):
    # Never a Package: that would import the checkout's __init__.py files.
    return PlainDir.from_parent(parent, path=path)


def pytest_configure(config):
    for marker in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", f"{marker}: Keras test marker")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    import jax

    one_device = jax.device_count() < 2
    items[:] = [i for i in items if i.nodeid in IDS]
    for item in items:
        if one_device and "multi_device" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs several devices"))
    log(event="collected", ids=[i.nodeid for i in items])
    for filename, errors in LOADER.broken.items():
        rel = os.path.relpath(filename, LOADER.keras_src)
        log(event="broken", file=rel, errors=errors)


def pytest_collectreport(report):
    if report.failed:
        log(event="collect_error", id=report.nodeid, msg=str(report.longrepr))


def _alarm(signum, frame):
    raise Timeout(f"test took longer than {TIMEOUT} s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    log(event="start", id=item.nodeid, time=time.time())
    missing.state.missing.clear()
    missing.state.mismatches.clear()
    seed = int(hashlib.md5(item.nodeid.encode()).hexdigest()[:6], 16)
    random.seed(seed)
    try:
        import numpy as np

        np.random.seed(seed)
    except ImportError:
        pass
    item._kc = {"outcome": None, "secs": 0.0, "msg": ""}
    result = yield
    k = item._kc
    log(
        event="done",
        id=item.nodeid,
        outcome=k["outcome"] or "error",
        secs=round(k["secs"], 3),
        msg=k["msg"],
    )
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    old = signal.signal(signal.SIGALRM, _alarm)
    signal.setitimer(signal.ITIMER_REAL, TIMEOUT)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def short(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    where = f" ({os.path.basename(crash.path)}:{crash.lineno})" if crash else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[:6])[:400] + where


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    k = item._kc
    k["secs"] += call.duration
    if report.skipped and k["outcome"] in (None, "passed"):
        k["outcome"] = "xfail" if hasattr(report, "wasxfail") else "skipped"
        k["msg"] = str(report.longrepr)[-200:]
    elif report.failed and k["outcome"] in (None, "passed"):
        k["msg"] = short(report)
        if missing.state.missing:
            k["outcome"] = "missing"
            k["msg"] = "missing: " + missing.state.missing[0]
        elif call.excinfo is not None and call.excinfo.type is Timeout:
            k["outcome"] = "timeout"
        else:
            k["outcome"] = "failed"
    elif call.when == "call" and k["outcome"] is None:
        if missing.state.missing:
            k["outcome"] = "missing"
            k["msg"] = "missing: " + missing.state.missing[0]
        elif missing.state.mismatches:
            k["outcome"] = "message"
            k["msg"] = missing.state.mismatches[0][:400]
        else:
            k["outcome"] = "passed"
    return report
