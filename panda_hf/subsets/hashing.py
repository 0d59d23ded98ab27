"""A number for an id, the same on every machine: what is drawn by it depends on neither order nor sharding."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]

LONG = 64
"""Bytes; longer ids, which no released dataset has, are hashed one by one."""
_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_STEP = 0x9E3779B97F4A7C15
_WORD = 2**64 - 1


def hash_ids(ids: pa.Array, seed: int) -> Hashes:
    """A 64-bit number for each id, evenly spread; other seeds give unrelated numbers.

    FNV-1a over the id's UTF-8 bytes, then the finishing steps of SplitMix64 with the seed.

    Args:
        ids: strings; ``None`` counts as an empty one.
        seed: any integer.
    """
    text = pc.fill_null(ids.cast(pa.large_string()), "")
    offsets = np.frombuffer(text.buffers()[1], np.int64)[text.offset : text.offset + len(text) + 1]
    data = np.frombuffer(text.buffers()[2] or b"", np.uint8)
    starts, lengths = offsets[:-1], np.diff(offsets)
    hashes = np.full(len(text), _BASIS)
    lengths_in_turn = np.where(lengths > LONG, 0, lengths)
    shortest = int(lengths_in_turn.min(initial=LONG))
    for i in range(int(lengths_in_turn.max(initial=0))):
        live = slice(None) if i < shortest else np.flatnonzero(lengths_in_turn > i)
        hashes[live] = (hashes[live] ^ data[starts[live] + i]) * _PRIME
    for row in np.flatnonzero(lengths > LONG):
        digest = hashlib.sha256(data[starts[row] : starts[row] + lengths[row]].tobytes()).digest()
        hashes[row] = int.from_bytes(digest[:8], "little")
    return _mixed(hashes + np.uint64((seed * _STEP + _STEP) & _WORD))


def _mixed(words: Hashes) -> Hashes:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
