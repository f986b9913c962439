"""Compiled programs on disk: found again by the next process, private, bounded, and never in the way."""

import errno
import os
import warnings

import jax
import jax.numpy as jnp
import pytest
from jax._src.lru_cache import LRUCache

from jkeras import config
from jkeras.runtime import disk
from jkeras.runtime.executables import CompiledOnce
from jkeras.runtime.store import store


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "programs"
    config.set_compilation_cache(path)
    yield path
    config.set_compilation_cache(None)


def run():
    """Run a program with a loop and temporary arrays as a new process does; return how many programs came from the disk."""
    store.clear()
    jax.clear_caches()
    found = []
    listen = lambda event, **_: found.append(event) if event.endswith("cache_hits") else None  # noqa: E731
    jax.monitoring.register_event_listener(listen)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", disk._TROUBLE)  # as `set_compilation_cache` has it
            loop = CompiledOnce(lambda x: jax.lax.fori_loop(0, 3, lambda i, y: jnp.tanh(y @ x), x))
            assert loop(jnp.zeros((30, 30))).shape == (30, 30)
    finally:
        jax.monitoring.unregister_event_listener(listen)
    return len(found)


def files(folder):
    return [file for file in folder.rglob("*") if file.is_file()]


def test_the_next_process_finds_the_program(folder):
    run()
    assert files(folder) and run() > 0
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100, None], ids=["empty", "foreign", "cut off"])
def test_damaged_files_are_as_if_there_were_none(folder, content):
    run()
    for file in files(folder):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if content is None else content)
    run()


def test_a_full_disk_is_as_if_nothing_were_kept(folder, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LRUCache, "put", full)
    run()
    assert not files(folder)


def test_a_folder_that_is_gone_is_as_if_nothing_were_kept(folder):
    run()
    for file in files(folder):
        file.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir()
    run()


def test_others_may_not_write(tmp_path, monkeypatch):
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(PermissionError, match="Others may write"):
        config.set_compilation_cache(open_to_all)
    if hasattr(os, "getuid"):
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        with pytest.raises(PermissionError, match="belongs to another user"):
            config.set_compilation_cache(tmp_path / "other")


def test_the_oldest_files_make_room(tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir(mode=0o700)
    for i in range(5):
        (folder / f"{i}-cache").write_bytes(b"x" * 100)
        os.utime(folder / f"{i}-cache", (i, i))
    config.set_compilation_cache(folder, max_bytes=250)
    config.set_compilation_cache(None)
    assert sorted(file.name for file in files(folder)) == ["3-cache", "4-cache"]


def test_jax_s_own_settings_come_back(tmp_path):
    names = ("jax_compilation_cache_dir", *disk._SETTINGS)
    before = [getattr(jax.config, name) for name in names]
    config.set_compilation_cache(tmp_path / "one")
    config.set_compilation_cache(tmp_path / "two")
    assert str(tmp_path / "two") in jax.config.jax_compilation_cache_dir
    config.set_compilation_cache(None)
    assert [getattr(jax.config, name) for name in names] == before


def test_the_environment_names_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(disk.VARIABLE, str(tmp_path / "programs"))
    disk.start_from_environment()
    try:
        assert str(tmp_path) in jax.config.jax_compilation_cache_dir
    finally:
        config.set_compilation_cache(None)
    (tmp_path / "file").touch()
    monkeypatch.setenv(disk.VARIABLE, str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="Programs are not kept"):
        disk.start_from_environment()


def test_programs_that_are_kept_have_one_block_of_memory(folder):
    """XLA cannot write those with several."""
    program = CompiledOnce(lambda x: x)
    assert "xla_multiheap_size_constraint_per_heap" not in program._compiler_options("", (), ())
