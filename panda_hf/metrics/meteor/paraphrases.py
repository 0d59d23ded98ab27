"""METEOR's paraphrase table: five million pairs, indexed once, narrowed to what two sets of texts can use.

The index keeps each phrase once and each pair as two numbers. It is written beside other caches of metrics (100 MB);
where that folder cannot be written, it is made anew in memory by each process.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

Phrase = tuple[str, ...]
_VERSION = 1
_PIECE = 1 << 18
_LONGEST = 7
# Any odd number has an inverse modulo 2**64, so a sum of bytes times powers can be shifted to begin at power 0.
_BASE = 0x9E3779B97F4A7C15
_ARRAYS = ("hashes", "offsets", "text", "sources", "targets")


@dataclass(frozen=True)
class Index:
    """Unique phrases in order of their hashes, and the pairs of the table, in its order, as their numbers."""

    hashes: np.ndarray
    offsets: np.ndarray
    text: np.ndarray
    sources: np.ndarray
    targets: np.ndarray

    def phrases(self, numbers: np.ndarray) -> dict[int, Phrase]:
        """The words of phrases."""
        ends = self.offsets[numbers + 1].tolist()
        starts = self.offsets[numbers].tolist()
        return {
            number: tuple(self.text[start:end].tobytes().decode("utf-8").split(" "))
            for number, start, end in zip(numbers.tolist(), starts, ends, strict=True)
        }

    def within(self, lines: Iterable[Sequence[str]]) -> np.ndarray:
        """For each phrase whether (but for a chance of 1 in 10**6) it stands in one of the lines."""
        found = np.zeros(len(self.hashes), dtype=bool)
        for own in _ngram_hashes(lines):
            places = np.searchsorted(self.hashes, own)
            places[places == len(self.hashes)] = 0
            found[places[self.hashes[places] == own]] = True
        return found


@dataclass(frozen=True)
class Paraphrases:
    """Pairs that predictions and references can use.

    `sources[phrase of a prediction]` lists phrases of references whose paraphrase it is, and `targets[phrase of a
    prediction]` its own paraphrases, both by the first word of the reference's phrase, with the place in the table.
    """

    sources: dict[Phrase, dict[str, list[tuple[int, Phrase]]]]
    targets: dict[Phrase, dict[str, list[tuple[int, Phrase]]]]


def usable(index: Index, predictions: Iterable[Sequence[str]], references: Iterable[Sequence[str]]) -> Paraphrases:
    """Narrow the table to pairs of a phrase that some prediction has and one that some reference has."""
    said, wanted = index.within(predictions), index.within(references)
    return Paraphrases(
        _grouped(index, np.flatnonzero(said[index.targets] & wanted[index.sources]), "targets"),
        _grouped(index, np.flatnonzero(said[index.sources] & wanted[index.targets]), "sources"),
    )


def _grouped(index: Index, pairs: np.ndarray, said: str) -> dict[Phrase, dict[str, list[tuple[int, Phrase]]]]:
    own = index.targets if said == "targets" else index.sources
    other = index.sources if said == "targets" else index.targets
    words = index.phrases(np.unique(np.concatenate([own[pairs], other[pairs]])))
    grouped: dict[Phrase, dict[str, list[tuple[int, Phrase]]]] = {}
    for place, first, second in zip(pairs.tolist(), own[pairs].tolist(), other[pairs].tolist(), strict=True):
        phrase = words[second]
        grouped.setdefault(words[first], {}).setdefault(phrase[0], []).append((place, phrase))
    return grouped


@lru_cache(maxsize=1)
def load(table: Path, cache: Path | None) -> Index:
    """The index of a table, from the cache where it lies there, else made (some seconds) and put there."""
    stat = table.stat()
    folder = cache / f"paraphrases-{_VERSION}-{stat.st_size}-{stat.st_mtime_ns}" if cache else None
    if folder and folder.is_dir():
        return Index(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS))
    index = build(table)
    if folder:
        _save(index, folder)
    return index


def _save(index: Index, folder: Path) -> None:
    """Write an index under its name in one step; a folder that cannot be written is no reason to fail."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent))
    except OSError:
        return
    try:
        for name in _ARRAYS:
            np.save(scratch / f"{name}.npy", getattr(index, name))
        scratch.chmod(0o755)
        os.rename(scratch, folder)
    except OSError:
        # A full disk, or another process that was faster.
        shutil.rmtree(scratch, ignore_errors=True)


def build(table: Path) -> Index:
    """Read the table: three lines a pair, of which the first, a probability that METEOR does not use, is left out."""
    text = np.frombuffer(gzip.decompress(table.read_bytes()), dtype=np.uint8)
    ends = np.flatnonzero(text == 10)
    starts = np.concatenate([[0], ends[:-1] + 1])
    kept = np.arange(len(ends)) % 3 != 0
    starts, ends = starts[kept], ends[kept]
    hashes, first, numbers = np.unique(_hashes(text, starts, ends), return_index=True, return_inverse=True)
    if not np.array_equal((ends - starts), (ends - starts)[first][numbers]):
        raise ValueError(f"{table}: two phrases have one hash; this is not the table of METEOR 1.5")
    pairs = numbers.astype(np.int32).reshape(-1, 2)
    offsets = np.concatenate([[0], np.cumsum(ends[first] - starts[first])])
    places = np.repeat(starts[first] - offsets[:-1], np.diff(offsets)) + np.arange(offsets[-1])
    return Index(hashes, offsets, text[places], pairs[:, 0].copy(), pairs[:, 1].copy())


def _hashes(text: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """64-bit hashes of stretches of bytes, given in order of their starts, none longer than a piece."""
    out = np.empty(len(starts), dtype=np.uint64)
    first = 0
    while first < len(starts):
        begin = starts[first]
        last = int(np.searchsorted(starts, begin + _PIECE))
        stop = ends[first:last].max()
        sums = _prefix_sums(text[begin:stop])
        inverse = _powers(pow(_BASE, -1, 1 << 64), int(stop - begin) + 1)
        own = starts[first:last] - begin
        out[first:last] = (sums[ends[first:last] - begin] - sums[own]) * inverse[own]
        first = last
    return out


def _prefix_sums(text: np.ndarray) -> np.ndarray:
    terms = (text.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, len(text))
    return np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(terms)])


@lru_cache(maxsize=2)
def _all_powers(base: int, count: int) -> np.ndarray:
    factors = np.full(count, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


def _powers(base: int, count: int) -> np.ndarray:
    """Powers of a number modulo 2**64; the count is rounded up so that one array serves many calls."""
    return _all_powers(base, 1 << max(count, 2).bit_length())[:count]


def _ngram_hashes(lines: Iterable[Sequence[str]]) -> Iterable[np.ndarray]:
    """Hashes of all n-grams of the lines, sorted for each length, so that look-ups go through memory in order."""
    text = np.frombuffer("\n".join(map(" ".join, lines)).encode("utf-8", "replace") + b"\n", dtype=np.uint8)
    ends = np.flatnonzero((text == 32) | (text == 10))
    starts = np.concatenate([[0], ends[:-1] + 1])
    line = np.concatenate([[0], np.cumsum(text[ends] == 10)[:-1]])
    for length in range(1, _LONGEST + 1):
        if len(ends) < length:
            return
        together = line[: len(line) - length + 1] == line[length - 1 :]
        own = starts[: len(starts) - length + 1][together], ends[length - 1 :][together]
        yield np.sort(_hashes(text, *own))
