"""Two processes on this machine: they agree or say why not, keep checkpoints together, and do not wait for one that is gone."""

import os
import signal
import socket

import numpy as np
import pytest

from tests.distribution.processes import fit
from tests.distribution.test_training import in_a_process, result_of


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def start(program, port, folder):
    return [in_a_process(2, "-m", "tests.distribution.processes", program, str(i), port, str(folder)) for i in range(2)]


BOTH = {  # what both processes hear
    "features": "ValueError: Processes that train together must do the same.*shapes of data:.*process 1: ['float32[32, 4]']",
    "samples": "ValueError: .*samples of data.*process 0: [30].*process 1: [31]",
    "values": "ValueError: .*first batch of data",
    "model": "ValueError: .*model:.*process 0: .*float32[8]'.*process 1: .*float32[9]'",
    "seed": "ValueError: .*random seed",
    "epochs": "ValueError: .*settings.*'epochs': '2'.*'epochs': '3'",
    "a stream that is shorter": "ValueError: .*batches that are left",
    "a stream of other shapes": "ValueError: .*shapes of the next batch",
    "evaluate": "ValueError: .*samples of data",
    "joined twice": "RuntimeError: .*called already in this process",
    "a layout for an unknown path": "ValueError: The keys ['.*hiden/kernel'].*match no variable.*hidden/kernel",
    "a layout that cannot be divided": "ValueError: Axis 1 of variable '.*hidden/kernel'.*length is 9.*2 devices along 'model'",
    "a layout with too few axes": "ValueError: The layout ('model',) for '.*hidden/kernel' has 1 axes.*(4, 8)",
    "layouts": "ValueError: .*layout:.*process 0: .*hidden/kernel ('model', None).*process 1: .*hidden/kernel (None, 'model')\"",
    "distributions": "ValueError: .*layout:.*process 0: .*hidden/kernel (None, 'batch').*process 1: .*hidden/kernel ()",
    "the order of devices": "ValueError: .*devices:.*process 0: {'batch': 4} [0, 1.*process 1: {'batch': 4} [",
    "meshes": "ValueError: .*devices:.*process 0: {'batch': 4}.*process 1: {'rows': 4}",
    "rows that cannot be divided": "ValueError: Axis 0 of a batch.*3 rows.*2 devices along 'batch'",
    "an activation": "ValueError: .*compiled step",
    "a loss": "ValueError: .*compiled step",
    "an optimizer": "ValueError: .*compiled step",
    "a learning rate": "ValueError: .*weights and optimizer",
    "metrics": "ValueError: .*model:",
    "the activation of an evaluation": "ValueError: .*compiled step",
    "the activation of a prediction": "ValueError: .*compiled step",
}


ONE = {  # what the second process hears, and the first one from it
    "one has an error": "ValueError: .*37",
    "one has a layout for an unknown path": "ValueError: The keys ['.*hiden/kernel'].*match no variable",
    "one has a layout that cannot be divided": "ValueError: Axis 1 of variable '.*hidden/kernel'.*length is 9",
    "one has rows that cannot be divided": "ValueError: Axis 0 of a batch.*3 rows.*2 devices along 'batch'",
}


def holds(text, parts):
    """True if the parts, between which is anything, are in a text in this order."""
    at = 0
    for part in parts.split(".*"):
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


@pytest.mark.slow
def test_two_processes(port, tmp_path):
    """What differs is an error on both of them, no matter where; after that they train, stop, and go on as one would alone."""
    pytest.importorskip("grain")
    results = [result_of(process) for process in start("all", port, tmp_path)]
    for process, result in enumerate(results):
        for name, parts in BOTH.items():
            assert holds(result["errors"][name], parts), (process, name, result["errors"][name])
        for name, parts in ONE.items():
            wanted = ("RuntimeError: Another process has met an error:.*process 1: " if process == 0 else "") + parts
            assert holds(result["errors"][name], wanted), (process, name, result["errors"][name])
        assert set(result["errors"]) == {*BOTH, *ONE}
        np.testing.assert_allclose(result["losses"], fit(), atol=2e-6)
        assert result["went on"] == result["whole"]
        assert result["loaded"] and result["divided"] > 4
    assert results[0]["drawn"] == results[1]["drawn"]
    assert "loss: " in results[0]["shown"] and not results[1]["shown"]
    assert [path.name for path in tmp_path.glob("*.csv")] == ["process0.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("gone", [1, 0])
def test_a_killed_process_ends_the_others_and_fewer_go_on(gone, port, tmp_path):
    processes = start(f"killed {gone}", port, tmp_path)
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert processes[gone].returncode == -signal.SIGKILL, outputs[gone]
    assert processes[1 - gone].returncode not in (0, None), outputs[1 - gone]
    assert "another task died" in outputs[1 - gone], outputs[1 - gone]
    assert os.listdir(tmp_path / "killed") == ["divided.backup"]
    count, *losses = result_of(in_a_process(4, "-m", "tests.distribution.processes", "alone", str(tmp_path)))
    assert count == 4
    np.testing.assert_allclose(losses, fit(), atol=2e-6)
    assert not (tmp_path / "killed").exists()
