"""The teacher's best log-probabilities in few bytes: pure functions on arrays.

What a text's record holds, for n positions, k tokens each, out of ``tokens`` that there are:

    token ids    sorted, by Elias and Fano's code: the low bits of each, and a row of bits that says
                 how many ids have which high bits (Elias 1974, "Efficient storage and retrieval by
                 content and address of static files"); k (2 + log2(tokens / k)) bits at most
    values       ``packed``: see :func:`packed_values`; ``float32``: as they are
    the rest     the log of what all other tokens have together, float32

Each part is one stream of bits over all positions, so that nothing is lost between them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Values = Literal["packed", "float32"]
_HEAD = struct.Struct("<IIII")
"""Positions, k, tokens of the vocabulary, kind of the values."""
_KINDS: tuple[Values, ...] = ("packed", "float32")
_COARSE = 7
"""Bits of each value."""
_FINE = 9
"""Bits more of each of the best values, which bear most of the probability."""
_BEST = 16


@dataclass(frozen=True)
class Best:
    """A teacher's best tokens on a text. ``tokens`` and ``logprobs``: (positions, k), in nats under
    the whole softmax, ids rising; ``rest``: (positions), the log of the probability of all other
    tokens together, -inf where there are none."""

    tokens: Ints
    logprobs: Floats
    rest: Floats


def bytes_per_token(k: int, tokens: int, values: Values = "packed") -> float:
    """Bytes that a position takes in a long text; each text has some 60 more, once."""
    k = min(k, tokens)
    low = _low_bits(k, tokens)
    ids = k * low + k + (tokens >> low) + 1
    best = min(k, _BEST)
    bits = 32 * k if values == "float32" else 2 * 32 + _COARSE * k + _FINE * best
    return (ids + bits + 32) / 8


def pack(best: Best, tokens: int, values: Values = "packed") -> bytes:
    """As bytes. Values that are not finite (a token that cannot be) are kept as they are."""
    order = np.argsort(best.tokens, axis=-1)
    ids = np.take_along_axis(best.tokens, order, -1).astype(np.int64)
    found: Floats = np.take_along_axis(best.logprobs, order, -1).astype(np.float32)
    if not np.isfinite(found).all():
        values = "float32"
    kept = found.tobytes() if values == "float32" else packed_values(found)
    head = _HEAD.pack(*ids.shape, tokens, _KINDS.index(values))
    return head + _packed_ids(ids, tokens) + kept + best.rest.astype(np.float32).tobytes()


def unpack(data: bytes) -> Best:
    """What :func:`pack` made. Packed values are scaled so that with the rest they sum to 1."""
    positions, k, tokens, kind = _HEAD.unpack_from(data)
    ids, at = _unpacked_ids(data, _HEAD.size, positions, k, tokens)
    rest = np.frombuffer(data, np.float32, positions, len(data) - 4 * positions)
    if _KINDS[kind] == "float32":
        kept = np.frombuffer(data, np.float32, positions * k, at).reshape(positions, k)
        return Best(ids, kept.copy(), rest.copy())
    found = unpacked_values(data, at, positions, k)
    whole = np.logaddexp(np.logaddexp.reduce(found, axis=-1), rest.astype(np.float64))
    scaled = (found - whole[:, None]).astype(np.float32)
    return Best(ids, scaled, (rest - whole).astype(np.float32))


def packed_values(found: Floats) -> bytes:
    """Log-probabilities, (positions, k), all finite.

    A value is told by its distance from the position's best, as the square of a step: x = span u^2,
    with u in [0, 1] in 2^7 steps, so that likely tokens have finer ones. The 16 best of a position
    have each step parted in 2^9 more. Best and span are float32.
    """
    best = found.max(-1, keepdims=True)
    span = best - found.min(-1, keepdims=True)
    parts = np.sqrt((best - found) / np.where(span > 0, span, 1)).astype(np.float64)
    steps = parts * (2**_COARSE - 1)
    coarse = np.rint(steps).astype(np.int64)
    within = np.floor((steps - coarse + 0.5) * 2**_FINE).astype(np.int64)
    fine = np.take_along_axis(np.clip(within, 0, 2**_FINE - 1), _refined(coarse), -1)
    heads = np.concatenate([best, span], axis=-1).astype(np.float32)
    return heads.tobytes() + _bits(coarse, _COARSE) + _bits(fine, _FINE)


def unpacked_values(data: bytes, at: int, positions: int, k: int) -> npt.NDArray[np.float64]:
    """What :func:`packed_values` made at byte ``at``: (positions, k)."""
    heads = np.frombuffer(data, np.float32, 2 * positions, at).reshape(positions, 2)
    best, span = heads[:, :1].astype(np.float64), heads[:, 1:].astype(np.float64)
    at += heads.nbytes
    coarse, at = _numbers(data, at, positions * k, _COARSE)
    coarse = coarse.reshape(positions, k)
    chosen = _refined(coarse)
    fine, at = _numbers(data, at, chosen.size, _FINE)
    steps = coarse.astype(np.float64)
    finer = (
        np.take_along_axis(steps, chosen, -1) - 0.5 + (fine.reshape(chosen.shape) + 0.5) / 2**_FINE
    )
    np.put_along_axis(steps, chosen, finer, -1)
    parts = np.clip(steps / (2**_COARSE - 1), 0, 1)
    found: npt.NDArray[np.float64] = best - span * parts**2
    return found


def _refined(coarse: Ints) -> Ints:
    """Where a position's best values are, told by their coarse steps: known to who reads too."""
    best: Ints = np.argsort(coarse, axis=-1, kind="stable")[:, :_BEST]
    return best


def _low_bits(k: int, tokens: int) -> int:
    return max(0, (tokens // max(1, k)).bit_length() - 1)


def _packed_ids(ids: Ints, tokens: int) -> bytes:
    positions, k = ids.shape
    low = _low_bits(k, tokens)
    rows = np.zeros((positions, k + (tokens >> low) + 1), np.uint8)
    np.put_along_axis(rows, (ids >> low) + np.arange(k), 1, -1)
    return _bits(ids & ((1 << low) - 1), low) + np.packbits(rows).tobytes()


def _unpacked_ids(data: bytes, at: int, positions: int, k: int, tokens: int) -> tuple[Ints, int]:
    low = _low_bits(k, tokens)
    lower, at = _numbers(data, at, positions * k, low)
    width = k + (tokens >> low) + 1
    size = -(-positions * width // 8)
    bits = np.unpackbits(np.frombuffer(data, np.uint8, size, at), count=positions * width)
    marks = np.flatnonzero(bits).reshape(positions, k) % width
    higher = marks - np.arange(k)
    return (higher << low) | lower.reshape(positions, k), at + size


def _bits(numbers: Ints, width: int) -> bytes:
    """Whole numbers of ``width`` bits each, one behind the other."""
    shifts = np.arange(width - 1, -1, -1)
    return np.packbits((numbers.reshape(-1, 1) >> shifts).astype(np.uint8) & 1).tobytes()


def _numbers(data: bytes, at: int, count: int, width: int) -> tuple[Ints, int]:
    """``count`` numbers of :func:`_bits` at byte ``at``, and the byte behind them."""
    size = -(-count * width // 8)
    bits = np.unpackbits(np.frombuffer(data, np.uint8, size, at), count=count * width)
    weights = 1 << np.arange(width - 1, -1, -1, dtype=np.int64)
    return bits.reshape(count, width).astype(np.int64) @ weights, at + size
