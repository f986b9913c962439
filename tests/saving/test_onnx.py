"""Every layer as ONNX: it computes the same in onnxruntime, or docs/files.md says that it has no such form."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest

import jkeras
from tests.catalogue import ROWS
from tests.oracle import assert_close

pytest.importorskip("jax2onnx")
runtime = pytest.importorskip("onnxruntime")
runtime.set_default_logger_severity(4)

ALONE = [
    row for row in ROWS if not any(isinstance(x, np.ndarray) for x in jax.tree.leaves(row.call))
]  # without a mask of its own
FIRST = {row.name: row for row in reversed(ALONE) if not row.name.endswith("Cell")}
DOCUMENT = (Path(__file__).parents[2] / "docs/files.md").read_text()
WITHOUT = set(re.findall(r"`(\w+)`", re.search(r"^Without a form in ONNX: (.*?)\n\n", DOCUMENT, re.S | re.M).group(1)))
QUICK = ["Conv2D", "Conv2DTranspose", "MaxPooling3D", "ZeroPadding2D", "Embedding", "Bidirectional"]
CASES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FIRST if name not in WITHOUT]


def exported(row, folder):
    """A model of the row's layer alone, its data, and the session of its file."""
    inputs = row.inputs()
    made = jax.tree.map(
        lambda a: jkeras.Input(batch_shape=a.shape if row.fixed else (None, *a.shape[1:]), dtype=str(a.dtype)), inputs
    )
    model = jkeras.Model(jax.tree.leaves(made, is_leaf=lambda x: hasattr(x, "shape")), row.make(jkeras)(*made, **row.call))
    model.export(folder / "m.onnx", format="onnx")
    return model, jax.tree.leaves(inputs), runtime.InferenceSession(str(folder / "m.onnx"))


@pytest.mark.parametrize("name", CASES)
def test_layers(name, tmp_path):
    model, data, session = exported(FIRST[name], tmp_path)
    found = session.run(None, {place.name: array for place, array in zip(session.get_inputs(), data, strict=True)})
    for got, wanted in zip(found, jax.tree.leaves(model(data if len(data) > 1 else data[0])), strict=True):
        assert_close(got, np.asarray(wanted), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WITHOUT & FIRST.keys()))
def test_layers_without_a_form(name, tmp_path):
    with pytest.raises(ValueError, match="converter to ONNX does not support"):
        exported(FIRST[name], tmp_path)
