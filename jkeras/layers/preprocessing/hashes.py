"""Hash functions of texts, as numbers of 64 bits: those that TensorFlow's layers use, so that bins and models agree with them.

`farmhash` is Google's FarmHash fingerprint (Fingerprint64, https://github.com/google/farmhash), `siphash` is SipHash-2-4 (Aumasson
and Bernstein 2012, https://www.131002.net/siphash/siphash.pdf). Texts of one length are hashed together, as columns of NumPy arrays.
All arithmetic is modulo 2**64.
"""

from collections.abc import Callable, Sequence

import numpy as np

K0, K1, K2 = (np.uint64(k) for k in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))
CAT = np.uint64(0xC6A4A7935BD1E995)


def farmhash(texts: Sequence[bytes]) -> np.ndarray:
    """FarmHash fingerprints.

    Args:
        texts: byte strings.

    Returns:
        uint64, one per text.

    >>> (farmhash([b"A", b"B", b"C", b"D", b"E"]) % np.uint64(3)).tolist()
    [1, 0, 1, 1, 2]
    """
    return _by_length(texts, _farmhash)


def siphash(texts: Sequence[bytes], key: Sequence[int]) -> np.ndarray:
    """SipHash-2-4 under a key.

    Args:
        texts: byte strings.
        key: two integers of 64 bits.

    Returns:
        uint64, one per text.

    >>> (siphash([b"A", b"B", b"C", b"D", b"E"], (133, 137)) % np.uint64(3)).tolist()
    [1, 2, 1, 0, 2]
    """
    low, high = (np.uint64(int(k) % 2**64) for k in key)
    return _by_length(texts, lambda data: _siphash(data, low, high))


def combine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One fingerprint of two (TensorFlow's FingerprintCat64)."""
    result = first ^ CAT
    result = (result ^ (_shift_mix(second * CAT) * CAT)) * CAT
    return _shift_mix(_shift_mix(result) * CAT)


def _by_length(texts: Sequence[bytes], function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply `function` to all texts of one length at a time, as bytes of shape (texts, length)."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    hashes = np.empty(len(texts), np.uint64)
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        data = np.frombuffer(b"".join([texts[i] for i in places]), np.uint8).reshape(len(places), length)  # type: ignore[call-overload]
        with np.errstate(over="ignore"):
            hashes[places] = function(data)
    return hashes


def _word(data: np.ndarray, start: int, size: int = 8) -> np.ndarray:
    """The little-endian number that starts at a byte, for each row."""
    return np.ascontiguousarray(data[:, start : start + size]).view(f"<u{size}")[:, 0].astype(np.uint64)


def _rotate_right(x: np.ndarray, bits: int) -> np.ndarray:
    return (x >> np.uint64(bits)) | (x << np.uint64(64 - bits))


def _shift_mix(x: np.ndarray) -> np.ndarray:
    return x ^ (x >> np.uint64(47))


def _mix(u: np.ndarray, v: np.ndarray, factor: np.uint64) -> np.ndarray:
    a = _shift_mix((u ^ v) * factor)
    return _shift_mix((v ^ a) * factor) * factor


def _farmhash(data: np.ndarray) -> np.ndarray:
    length = data.shape[1]
    if length <= 16:
        return _upto_16(data)
    if length <= 32:
        return _upto_32(data)
    return _upto_64(data) if length <= 64 else _longer(data)


def _upto_16(data: np.ndarray) -> np.ndarray:
    rows, length = data.shape
    size, factor = np.uint64(length), K2 + np.uint64(2 * length)
    if length >= 8:
        a, b = _word(data, 0) + K2, _word(data, length - 8)
        c, d = _rotate_right(b, 37) * factor + a, (_rotate_right(a, 25) + b) * factor
        return _mix(c, d, factor)
    if length >= 4:
        return _mix(size + (_word(data, 0, 4) << np.uint64(3)), _word(data, length - 4, 4), factor)
    if length > 0:
        first, middle, last = (data[:, i].astype(np.uint64) for i in (0, length >> 1, length - 1))
        y, z = first + (middle << np.uint64(8)), size + (last << np.uint64(2))
        return _shift_mix(y * K2 ^ z * K0) * K2
    return np.full(rows, K2)


def _upto_32(data: np.ndarray) -> np.ndarray:
    length = data.shape[1]
    factor = K2 + np.uint64(2 * length)
    a, b = _word(data, 0) * K1, _word(data, 8)
    c, d = _word(data, length - 8) * factor, _word(data, length - 16) * K2
    return _mix(_rotate_right(a + b, 43) + _rotate_right(c, 30) + d, a + _rotate_right(b + K2, 18) + c, factor)


def _upto_64(data: np.ndarray) -> np.ndarray:
    length = data.shape[1]
    factor = K2 + np.uint64(2 * length)
    a, b = _word(data, 0) * K2, _word(data, 8)
    c, d = _word(data, length - 8) * factor, _word(data, length - 16) * K2
    y = _rotate_right(a + b, 43) + _rotate_right(c, 30) + d
    z = _mix(y, a + _rotate_right(b + K2, 18) + c, factor)
    e, f = _word(data, 16) * factor, _word(data, 24)
    g, h = (y + _word(data, length - 32)) * factor, (z + _word(data, length - 24)) * factor
    return _mix(_rotate_right(e + f, 43) + _rotate_right(g, 30) + h, e + _rotate_right(f + a, 18) + g, factor)


def _weak(data: np.ndarray, start: int, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    w, x, y, z = (_word(data, start + i) for i in (0, 8, 16, 24))
    a = a + w
    b = _rotate_right(b + a + z, 21)
    c, a = a, a + x + y
    return a + z, b + _rotate_right(a, 44) + c


def _longer(data: np.ndarray) -> np.ndarray:
    rows, length = data.shape
    seed = np.full(rows, 81, np.uint64)
    y = seed * K1 + np.uint64(113)
    z = _shift_mix(y * K2 + np.uint64(113)) * K2
    x = seed * K2 + _word(data, 0)
    v = w = (np.zeros(rows, np.uint64), np.zeros(rows, np.uint64))
    for at in range(0, (length - 1) // 64 * 64, 64):
        x = _rotate_right(x + y + v[0] + _word(data, at + 8), 37) * K1
        y = _rotate_right(y + v[1] + _word(data, at + 48), 42) * K1
        x, y, z = x ^ w[1], y + v[0] + _word(data, at + 40), _rotate_right(z + w[0], 33) * K1
        v, w = _weak(data, at, v[1] * K1, x + w[0]), _weak(data, at + 32, z + w[1], y + _word(data, at + 16))
        x, z = z, x
    factor, nine, at = K1 + ((z & np.uint64(0xFF)) << np.uint64(1)), np.uint64(9), length - 64
    w = (w[0] + np.uint64((length - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x = _rotate_right(x + y + v[0] + _word(data, at + 8), 37) * factor
    y = _rotate_right(y + v[1] + _word(data, at + 48), 42) * factor
    x, y, z = x ^ w[1] * nine, y + v[0] * nine + _word(data, at + 40), _rotate_right(z + w[0], 33) * factor
    v, w = _weak(data, at, v[1] * factor, x + w[0]), _weak(data, at + 32, z + w[1], y + _word(data, at + 16))
    x, z = z, x
    return _mix(_mix(v[0], w[0], factor) + _shift_mix(y) * K0 + z, _mix(v[1], w[1], factor) + x, factor)  # type: ignore[arg-type]


def _siphash(data: np.ndarray, low: np.uint64, high: np.uint64) -> np.ndarray:
    rows, length = data.shape
    start = (low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D, low ^ 0x6C7967656E657261, high ^ 0x7465646279746573)
    state = [np.full(rows, np.uint64(s)) for s in start]
    padded = np.zeros((rows, length // 8 * 8 + 8), np.uint8)
    padded[:, :length] = data
    padded[:, -1] = length & 0xFF
    for at in range(0, padded.shape[1], 8):
        word = _word(padded, at)
        state[3] = state[3] ^ word
        _rounds(state, 2)
        state[0] = state[0] ^ word
    state[2] = state[2] ^ np.uint64(0xFF)
    _rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _rounds(state: list[np.ndarray], count: int) -> None:
    for _ in range(count):
        v0, v1, v2, v3 = state
        v0, v2 = v0 + v1, v2 + v3
        v1, v3 = _rotate_right(v1, 51) ^ v0, _rotate_right(v3, 48) ^ v2
        v0 = _rotate_right(v0, 32)
        v2, v0 = v2 + v1, v0 + v3
        v1, v3 = _rotate_right(v1, 47) ^ v2, _rotate_right(v3, 43) ^ v0
        state[:] = v0, v1, _rotate_right(v2, 32), v3
