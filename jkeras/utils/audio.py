"""Read folders of sound files: `audio_dataset_from_directory`. Python itself reads WAV files, soundfile reads others
(`pip install jkeras[audio]`).
"""

import wave
from math import ceil, gcd
from typing import Any

import numpy as np

from jkeras.utils.folders import files_in

WIDTH, ROLLOFF = 6, 0.99  # of the filter: zeros of its sinc on either side, and the part of the frequencies that is kept
ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
LARGEST = 2**31  # bytes of one file


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: list[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
    on_error: str = "raise",
) -> Any:
    """Read the sounds in a folder of `.wav`, `.flac`, `.ogg`, `.mp3` or `.aiff` files, with their labels, in batches
    that `fit` takes.

    Args:
        sampling_rate: samples per second that all sounds are brought to; None leaves each as it is.
        output_sequence_length: samples per sound, filled up with zeros or cut off; None leaves each as it is, and then all sounds
            of a batch must have one length.
        ragged: False: no array is ragged.
        directory: the folder; with `labels="inferred"`, it has one subfolder for each class.
        labels: `"inferred"`, None for no labels, or a list of integers, one per file, in alphabetical order of the paths.
        label_mode: `"int"` (int32, shape (batch,)), `"categorical"` (one-hot), `"binary"` (0.0 or 1.0, shape (batch, 1)), or
            None for no labels.
        class_names: the subfolders to take, in the order of their numbers; by default all, in alphabetical order.
        batch_size: sounds per batch; None gives single sounds.
        shuffle: True if the sounds come in random order, a new one for each epoch; the first is that of `file_paths`.
        seed: an integer that makes the order reproducible.
        validation_split: the fraction of files, between 0 and 1, that is set aside.
        subset: with `validation_split`: `"training"`, `"validation"`, or `"both"` for a list of the two.
        follow_links: True if links to folders are followed.
        verbose: True prints how many files there are.
        on_error: `"raise"`: a damaged file is an error when it is read. `"warn"` and `"skip"`: all files are read once now,
            and those that are damaged are left out; `"warn"` names them.

    Returns:
        A data set of float32 arrays of shape (batch, samples, channels), with values from -1 to 1, or of `(sounds, labels)`; see
        `image_dataset_from_directory`.

    Raises:
        ValueError: an option is out of range, or there are no files; when it is read, a file that is damaged.
        ImportError: there are other files than WAV files of whole numbers, and soundfile is not installed.

    >>> import os, tempfile, wave
    >>> folder = tempfile.TemporaryDirectory()
    >>> os.mkdir(os.path.join(folder.name, "silence"))
    >>> with wave.open(os.path.join(folder.name, "silence", "1.wav"), "wb") as file:
    ...     file.setparams((1, 2, 16000, 4, "NONE", ""))  # one channel of 16 bits, 16,000 samples per second
    ...     file.writeframes(bytes(8))  # 4 samples
    >>> sounds, labels = next(iter(audio_dataset_from_directory(folder.name, verbose=False)))
    >>> sounds.shape, labels.tolist()
    ((1, 4, 1), [0])
    >>> folder.cleanup()
    """
    if ragged and output_sequence_length is not None:
        raise ValueError(
            f"Cannot set both `ragged` and `output_sequence_length`, got output_sequence_length={output_sequence_length}. "
            "Leave ragged out."
        )
    if ragged:
        raise ValueError("No array is ragged: give output_sequence_length=, the number of samples of each sound.")
    if sampling_rate is not None and not isinstance(sampling_rate, int):
        raise ValueError(f"`sampling_rate` should have an integer value. Received: sampling_rate={sampling_rate}")
    if sampling_rate is not None and sampling_rate <= 0:
        raise ValueError(f"`sampling_rate` should be higher than 0. Received: sampling_rate={sampling_rate}")

    def read(path: str) -> np.ndarray:
        sound, rate = read_sound(path)
        if output_sequence_length is not None:
            sound = sound[:output_sequence_length]
            sound = np.pad(sound, ((0, output_sequence_length - len(sound)), (0, 0)))
        return sound if sampling_rate in (None, rate) else resample(sound, rate, sampling_rate)

    files = (labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links)
    return files_in(directory, read, ENDINGS, "audio files", *files, "tf", verbose, on_error)


def read_sound(path: str) -> tuple[np.ndarray, int]:
    """The samples of a sound file, float32 of shape (samples, channels) from -1 to 1, and the rate.

    Raises:
        ValueError: the file is damaged, or too large.
        ImportError: it is no WAV file of whole numbers, and soundfile is not installed.
    """
    if path.lower().endswith(".wav"):
        try:
            return _read_wav(path)
        except (wave.Error, EOFError) as error:
            if str(error).startswith("unknown format"):  # of floating-point numbers, for example
                return _read_other(path)
            raise ValueError(f"The sound {path!r} cannot be read: {error}") from error
    return _read_other(path)


def _read_wav(path: str) -> tuple[np.ndarray, int]:
    with wave.open(path, "rb") as file:
        width, channels, rate, count = file.getsampwidth(), file.getnchannels(), file.getframerate(), file.getnframes()
        _check_size(path, width * channels * count)
        data = np.frombuffer(file.readframes(count), np.uint8)
    data = data[: len(data) // (width * channels) * width * channels].reshape(-1, width)
    if width == 1:
        values = (data[:, 0].astype(np.float32) - 128) / 128
    else:  # the bytes of a number are its highest; those that it lacks are zeros
        whole = np.zeros((len(data), 4), np.uint8)
        whole[:, 4 - width :] = data
        values = (whole.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    return values.reshape(-1, channels), rate


def _read_other(path: str) -> tuple[np.ndarray, int]:
    try:
        import soundfile  # an optional dependency
    except ImportError as error:
        raise ImportError(
            f"The sound {path!r} is read by soundfile, which is not installed: pip install 'jkeras[audio]'. Without it, WAV files of "
            "whole numbers can be read."
        ) from error
    try:
        with soundfile.SoundFile(path) as file:
            _check_size(path, 4 * file.frames * file.channels)
            return file.read(dtype="float32", always_2d=True), file.samplerate
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise ValueError(f"The sound {path!r} cannot be read: {error}") from error


def _check_size(path: str, size: int) -> None:
    if size > LARGEST:
        raise ValueError(f"The sound {path!r} cannot be read: it claims {size:,} bytes, and {LARGEST:,} is the largest.")


def resample(sound: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Bring samples to another rate, by a sinc filter in a Hann window (Smith, Digital Audio Resampling, 1984).

    Args:
        sound: of shape (samples, channels).
        rate, new_rate: samples per second.

    >>> resample(np.ones((100, 1), "float32"), 100, 50).shape
    (50, 1)
    """
    common = gcd(rate, new_rate)
    old, new = rate // common, new_rate // common
    cutoff = ROLLOFF * min(1.0, new / old)  # in the old rate's terms
    reach = ceil(WIDTH / cutoff)
    count = ceil(len(sound) * new / old)
    center = np.arange(count) * (old / new)
    result = np.zeros((count, sound.shape[1]), np.float64)
    for shift in range(-reach, reach + 1):
        places = np.floor(center).astype(int) + shift
        x = np.clip((center - places) * cutoff, -WIDTH, WIDTH)
        weights = cutoff * np.sinc(x) * np.cos(np.pi * x / WIDTH / 2) ** 2
        inside = (places >= 0) & (places < len(sound))
        result += np.where(inside, weights, 0.0)[:, None] * sound[np.clip(places, 0, len(sound) - 1)]
    return result.astype(np.float32)
