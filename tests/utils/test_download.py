"""Downloads: whole or not at all, checked; archives do not write outside of their folder."""

import hashlib
import io
import os
import tarfile
import zipfile

import pytest

from jkeras.utils import get_file


@pytest.fixture
def origin(tmp_path):
    path = tmp_path / "there" / "words.txt"
    path.parent.mkdir()
    path.write_text("one two")
    return path


def fetch(origin, tmp_path, *args, **options):
    return get_file(*args, origin=origin.as_uri(), cache_dir=tmp_path / "cache", **options)


def test_a_file_is_downloaded_once(origin, tmp_path, capsys):
    path = fetch(origin, tmp_path)
    assert path == str(tmp_path / "cache" / "datasets" / "words.txt") and open_text(path) == "one two"
    origin.write_text("three")
    assert open_text(fetch(origin, tmp_path)) == "one two"
    assert capsys.readouterr().out.count("Downloading data from") == 1
    assert open_text(fetch(origin, tmp_path, force_download=True)) == "three"
    assert fetch(origin, tmp_path, "other.txt", cache_subdir="sub").endswith("cache/sub/other.txt")


def open_text(path):
    with open(path) as file:
        return file.read()


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_hashes(origin, tmp_path, kind):
    right = hashlib.new(kind, b"one two").hexdigest()
    path = fetch(origin, tmp_path, file_hash=right)
    with open(path, "w") as file:
        file.write("damaged")
    assert open_text(fetch(origin, tmp_path, file_hash=right)) == "one two"  # downloaded again
    with pytest.raises(ValueError, match="Incomplete or corrupted file"):
        fetch(origin, tmp_path, "new.txt", file_hash="0" * len(right))
    assert os.listdir(tmp_path / "cache" / "datasets") == ["words.txt"]


def make_tar(path, names):
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"hi"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        hard = tarfile.TarInfo("hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "../../outside"
        archive.addfile(hard)


def make_zip(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "hi")


@pytest.mark.parametrize("make,ending", [(make_tar, ".tar.gz"), (make_zip, ".zip")])
@pytest.mark.filterwarnings("ignore:Skipping")
def test_archives_stay_in_their_folder(tmp_path, make, ending):
    origin = tmp_path / f"all{ending}"
    make(origin, ["a/b.txt", "../evil.txt", "/tmp/jkeras-evil.txt", "c.txt"])
    folder = fetch(origin, tmp_path, extract=True)
    found = sorted(os.path.relpath(os.path.join(f, n), folder) for f, _, names in os.walk(folder) for n in names)
    assert {"a/b.txt", "c.txt"} <= set(found) and not {"link", "hard"} & set(found)
    outside = [n for f, _, names in os.walk(tmp_path) for n in names if "evil" in n and not f.startswith(folder)]
    assert outside == [] and not os.path.exists("/tmp/jkeras-evil.txt")


def test_the_names_of_extracted_folders_are_kerass(tmp_path):
    make_zip(tmp_path / "z.zip", ["x"])
    assert fetch(tmp_path / "z.zip", tmp_path, "flowers.tgz", extract=True).endswith("datasets/flowers_extracted")
    assert fetch(tmp_path / "z.zip", tmp_path, "flowers", extract=True).endswith("datasets/flowers")
    with pytest.warns(UserWarning, match="Could not extract"):
        fetch(tmp_path / "z.zip", tmp_path, "tar", untar=True)


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("jkeras.utils.download.MOST_BYTES", 10)
    make_zip(tmp_path / "z.zip", ["a", "b", "c", "d", "e", "f"])
    with pytest.raises(ValueError, match="claims to hold 12 bytes"):
        fetch(tmp_path / "z.zip", tmp_path, extract=True)


@pytest.mark.parametrize("options,message", [
    ({}, 'specify the "origin"'), ({"origin": "file:///", }, "pass fname"), ({"origin": "x", "fname": "a/b"}, "Paths are no longer"),
])  # fmt: skip
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        get_file(**options)


def test_a_failure_says_where_to_put_the_file(tmp_path):
    with pytest.raises(OSError, match="(?s)URL fetch failure on http://127.0.0.1:9/a.npz.*put the file.*datasets/a.npz"):
        get_file(origin="http://127.0.0.1:9/a.npz", cache_dir=tmp_path)
    assert os.listdir(tmp_path / "datasets") == []
