"""What a config asks for is bounded before anything is made."""

import json
import zipfile

import pytest

import jkeras
from jkeras.saving.bounds import MOST_OBJECTS, MOST_VALUES
from tests.saving.test_hostile_files import config_of, nested, rewrite, small


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.keras"
    small().save(path)
    return path


def test_values_are_counted_before_the_text_is_read(saved):
    text = b"[" + b"[]," * MOST_VALUES + b"[]]"
    with zipfile.ZipFile(saved) as archive:
        weights = archive.read("model.weights.h5")
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", text)
        archive.writestr("model.weights.h5", weights)
    with pytest.raises(ValueError, match=r"values; at most 2,000,000"):
        jkeras.models.load_model(saved)


def test_objects_are_counted_before_one_is_made(saved):
    config = config_of(saved)
    cells = [nested("keras.layers", "LSTMCell", {"units": 2})] * MOST_OBJECTS
    config["config"]["layers"].append(nested("keras.layers", "RNN", {"cell": cells}))
    rewrite(saved, json.dumps(config).encode())
    with pytest.raises(ValueError, match=r"objects and calls; at most 20,000"):
        jkeras.models.load_model(saved)
