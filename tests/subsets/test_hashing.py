"""Hashes of ids: the published algorithms, evenly spread."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from panda_hf.subsets.hashing import hash_ids
from tests.subsets.rows import plain_hash


@pytest.mark.parametrize("seed", [0, 1, -3, 2**70])
def test_every_id_gets_the_number_that_the_loop_over_its_bytes_gives(seed: int) -> None:
    ids = ["", "a", "-2yHu5qgTzM", "-2yHu5qgTzM.17", "é犬", "x" * 64]
    assert hash_ids(pa.array(ids), seed).tolist() == [plain_hash(text, seed) for text in ids]


def test_the_first_step_is_fnv_1a_as_published() -> None:
    assert plain_hash("foobar", 0) == plain_hash("foobar", 0)
    word = 14695981039346656037
    for byte in b"foobar":
        word = ((word ^ byte) * 1099511628211) % 2**64
    assert word == 0x85944171F73967E8  # from the test suite of FNV's authors


def test_a_slice_hashes_like_its_copy() -> None:
    ids = pa.array(["left out", "abc", None, "défg", "z" * 200, "left out"])
    assert hash_ids(ids.slice(1, 4), 5).tolist() == hash_ids(pa.array(ids.slice(1, 4).to_pylist()), 5).tolist()
    assert hash_ids(ids.slice(2, 1), 5).tolist() == [plain_hash("", 5)]
    assert hash_ids(pa.array([], pa.string()), 0).tolist() == []


def test_a_long_id_depends_on_its_last_byte() -> None:
    long = ["z" * 200 + last for last in "ab"]
    hashes = hash_ids(pa.array([*long, "short"]), 0)
    assert len(set(hashes.tolist())) == 3
    assert hashes[2] == plain_hash("short", 0)
    assert hashlib.sha256(long[0].encode()).digest() != hashlib.sha256(long[1].encode()).digest()


def test_ids_that_differ_little_spread_evenly() -> None:
    hashes = hash_ids(pa.array([f"video.{i}" for i in range(20_000)]), 7)
    counts = np.bincount((hashes >> np.uint64(60)).astype(int), minlength=16)
    assert abs(counts - 1250).max() < 5 * np.sqrt(1250)
    assert len(np.unique(hashes)) == 20_000
