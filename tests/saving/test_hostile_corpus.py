"""Hundreds of files that were made to harm, and damaged ones, loaded in processes of their own: audit hooks stay, HDF5 may crash."""

import json
import subprocess
import sys

import pytest

from tests.saving.hostile import judge


def run(module, *arguments):
    command = [sys.executable, "-m", f"tests.saving.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_some_hostile_files(tmp_path):
    results, outside = run("hostile", tmp_path, 29, 3)
    assert len(results) > 10 and not judge(results, outside)


@pytest.mark.slow
def test_all_hostile_files(tmp_path):
    results, outside = run("hostile", tmp_path)
    assert len(results) >= 250
    assert not judge(results, outside)


def test_some_damaged_files(tmp_path):
    ends, wrong = run("damage", tmp_path, 60, 1)
    assert not wrong and ends["ValueError"] > 20


@pytest.mark.slow
def test_many_damaged_files(tmp_path):
    ends, wrong = run("damage", tmp_path, 500, 2)
    assert not wrong and ends["ValueError"] > 150


@pytest.mark.longest
def test_very_many_damaged_files(tmp_path):
    ends, wrong = run("damage", tmp_path, 20_000, 1)
    assert not wrong and ends["ValueError"] > 10_000
