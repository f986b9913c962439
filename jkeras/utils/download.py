"""`get_file`: a file from the network, kept on disk and checked; archives are unpacked safely."""

import hashlib
import os
import shutil
import stat
import tarfile
import tempfile
import urllib.parse
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path

from jkeras.callbacks.progbar import Progbar

CHUNK = 2**16
MOST_BYTES = 2**40  # an archive that claims to hold more is refused


def get_file(
    fname: str | os.PathLike | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Iterable[str] | None = "auto",
    cache_dir: str | os.PathLike | None = None,
    force_download: bool = False,
) -> str:
    """Download a file once, keep it, and return its path.

    The file is written beside its place and moved there when it is whole and its hash is right, so an interrupted download leaves
    nothing behind. Files that Keras has downloaded are found: the folder is the same.

    Args:
        fname: the file's name; by default the last part of `origin`. With `extract`, a name without a dot is that of the folder.
        origin: the address to download from.
        untar: the older form of `extract=True, archive_format="tar"`.
        md5_hash: the older form of `file_hash`.
        file_hash: the expected hash, SHA-256 or MD5, in hexadecimal digits.
        cache_subdir: the folder below `cache_dir`; an absolute path replaces it.
        hash_algorithm: `"sha256"`, `"md5"`, or `"auto"` to tell them by their length.
        extract: whether the file is an archive to unpack.
        archive_format: `"tar"`, `"zip"`, a list of them, `"auto"` for both, None for none.
        cache_dir: by default the environment variable `KERAS_HOME`, or `~/.keras`; a folder of the user's own in the system's
            folder for temporary files if that cannot be written.
        force_download: whether to download a file that is there already.

    Returns:
        The path of the file; with `extract`, of the folder with what was in it.

    Raises:
        ValueError: no `origin`, a path instead of a name in `fname`, a wrong hash, or an archive that holds too much.
        OSError: the download failed; the message says where to put the file.

    Warns:
        UserWarning: an entry of an archive that leads out of the folder is left out.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "words.txt").write_text("one two")
    >>> path = get_file("words.txt", (folder / "words.txt").as_uri(), cache_dir=folder)
    Downloading data from file://...
    >>> pathlib.Path(path).read_text()
    'one two'
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = _cache(cache_dir) / cache_subdir
    name = os.fspath(fname) if fname else os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name:
        raise ValueError(f"origin={origin!r} does not end in a file's name: pass fname='...'.")
    if os.sep in name:
        raise ValueError(
            f"Paths are no longer accepted as the `fname` argument, got fname={name!r}. To choose the folder, pass cache_dir=..."
        )
    extract = extract or untar
    target = folder / name
    unpacked = target
    if extract:
        if fname and "." in name:
            unpacked = folder / f"{name[: name.find('.')]}_extracted"
        else:
            target = folder / f"{name}_archive"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if force_download or not _is_valid(target, file_hash, hash_algorithm):
        _download(origin, target, file_hash, hash_algorithm)
    if not extract:
        return str(target)
    if not extract_archive(target, unpacked, "tar" if untar else archive_format):
        warnings.warn(f"Could not extract archive: {target} is not one of archive_format={archive_format!r}.", stacklevel=2)
    return str(unpacked)


def extract_archive(file_path: str | os.PathLike, path: str | os.PathLike = ".", archive_format: object = "auto") -> bool:
    """Unpack an archive; what would lead out of the folder, and what is neither a file nor a folder, is left out.

    Args:
        file_path: of the archive.
        path: of the folder to unpack into.
        archive_format: `"tar"` (compressed or not), `"zip"`, a list of them, `"auto"` for both, None for none.

    Returns:
        Whether it was an archive of that format.

    Raises:
        ValueError: an unknown format, or an archive that claims to hold more than 1 TiB.
    """
    formats = (
        {None: [], "auto": ["tar", "zip"]}.get(archive_format)  # type: ignore[call-overload]
        if not isinstance(archive_format, (list, tuple))
        else archive_format
    )
    for kind in [archive_format] if formats is None else formats:
        if kind not in ("tar", "zip"):
            raise ValueError(
                f"archive_format must be 'tar', 'zip', 'auto', None or a list of these, got {archive_format!r}."
            )
        if kind == "tar" and tarfile.is_tarfile(file_path):
            with tarfile.open(file_path) as tar:
                _unpack_tar(tar, Path(path))
            return True
        if kind == "zip" and zipfile.is_zipfile(file_path):
            with zipfile.ZipFile(file_path) as zipped:
                _unpack_zip(zipped, Path(path))
            return True
    return False


def _cache(given: str | os.PathLike | None) -> Path:
    home = Path(given or os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser()
    existing = home
    while not existing.exists():
        existing = existing.parent
    if os.access(existing, os.W_OK):
        return home
    own = Path(tempfile.gettempdir()) / f"jkeras-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    found = own.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"Neither {home} nor {own} is a folder that only you can write to: pass cache_dir=...")
    return own


def _is_valid(path: Path, file_hash: str | None, algorithm: str) -> bool:
    if not path.exists():
        return False
    if file_hash is None or _hash(path, file_hash, algorithm) == file_hash:
        return True
    print(
        f"The file {path} is there, but its hash is not {file_hash}: it is incomplete or another one, and is downloaded again."
    )
    return False


def _hash(path: Path, expected: str, algorithm: str) -> str:
    is_long = algorithm == "sha256" or (algorithm == "auto" and len(expected) == 64)
    hasher = hashlib.sha256() if is_long else hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while part := file.read(CHUNK):
            hasher.update(part)
    return hasher.hexdigest()


def _download(origin: str, target: Path, file_hash: str | None, algorithm: str) -> None:
    print(f"Downloading data from {origin}")
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _copy(origin, file, target, file_hash)
        if file_hash is not None and _hash(part, file_hash, algorithm) != file_hash:
            raise ValueError(f"Incomplete or corrupted file detected: the hash of {origin} is not {file_hash}.")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _copy(origin: str, file: object, target: Path, file_hash: str | None) -> None:
    import urllib.request  # here, because it takes 20 ms to import

    try:
        with urllib.request.urlopen(origin, timeout=60) as answer:
            length = answer.headers.get("Content-Length")
            bar, done = Progbar(int(length) if length else None, unit_name="byte", verbose=1 if length else 0), 0
            while block := answer.read(CHUNK):
                file.write(block)  # type: ignore[attr-defined]
                done += len(block)
                bar.update(done, finalize=False)
    except OSError as error:
        known = f" (its hash is {file_hash})" if file_hash else ""
        raise OSError(
            f"URL fetch failure on {origin}: {error}. Without a network, put the file{known} there by hand:\n    {target}"
        ) from error


def _inside(folder: Path, name: str) -> Path | None:
    """Return the path of an entry of an archive, or None if it is not in the folder."""
    root = folder.resolve()
    path = (root / name).resolve()
    if path == root or root in path.parents:
        return path
    warnings.warn(f"Skipping invalid path during archive extraction: {name!r}.", stacklevel=4)
    return None


def _check_total(total: int, name: str) -> None:
    if total > MOST_BYTES:
        raise ValueError(f"The archive {name} claims to hold {total:,} bytes, more than {MOST_BYTES:,}.")


def _unpack_tar(archive: tarfile.TarFile, folder: Path) -> None:
    members = archive.getmembers()
    _check_total(sum(m.size for m in members), str(archive.name))
    folder.mkdir(parents=True, exist_ok=True)
    for member in members:
        path = _inside(folder, member.name)
        if path is None:
            continue
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
        elif member.isfile():
            _write(archive.extractfile(member), path)
        else:
            warnings.warn(f"Skipping {member.name!r} of an archive: it is a link or a device.", stacklevel=3)


def _unpack_zip(archive: zipfile.ZipFile, folder: Path) -> None:
    _check_total(sum(info.file_size for info in archive.infolist()), str(archive.filename))
    folder.mkdir(parents=True, exist_ok=True)
    for info in archive.infolist():
        path = _inside(folder, info.filename)
        if path is None:
            continue
        if info.is_dir():
            path.mkdir(parents=True, exist_ok=True)
        else:
            with archive.open(info) as source:
                _write(source, path)


def _write(source: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with open(path, "xb") as file:
        shutil.copyfileobj(source, file)  # type: ignore[arg-type, type-var]
