"""Records of the release to rows of the dataset: one row per clip, whole videos set aside where anything is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from panda_hf import schema
from panda_hf.release.cells import Lists, parse_scores, parse_span_lists, parse_spans, parse_strings, stretches, take
from panda_hf.release.records import Records, Reject
from panda_hf.rights import OptOut

SCHEMA: pa.Schema = schema.RELEASE_ROW.arrow_schema
MAX_ID_BYTES = 200
SHOT_TOLERANCE = 1000
"""Milliseconds: shots were found in clips already cut, whose ends lie on frames; what ends later is of another."""
_WORD = re.compile(r"[A-Za-z0-9_-]+")


@dataclass
class Rows:
    """What a block holds."""

    table: pa.Table
    video_ids: pa.Array
    """Of the videos in ``table``, in order."""
    lines: np.ndarray
    """The first line of each of these videos."""
    rejects: list[Reject] = field(default_factory=list)
    videos: int = 0
    """Records read: those of ``table``, the rejects and the opted out."""
    opted_out: int = 0
    opt_outs: frozenset[str] = frozenset()
    """Entries of the opt-out list that named a record."""
    empty_lines: int = 0
    seconds: float = 0.0
    """Footage in ``table``."""


def to_rows(records: Records, opt_out: OptOut) -> Rows:
    """Clip rows of every record in which all lists fit together; the others with their cause."""
    columns = _parsed(records)
    causes = _problems(records, columns)
    out, named = _opted_out(records, opt_out)
    good = np.ones(len(records), bool)
    good[[row for row in causes if row not in out]] = False
    good[list(out)] = False
    mentioned = [_mentioned(reject, opt_out) for reject in records.rejects]
    unread = [reject for reject, entries in zip(records.rejects, mentioned, strict=True) if not entries]
    rejects = [*unread, *(records.reject(row, causes[row]) for row in sorted(causes) if row not in out)]
    ids = pc.filter(records.columns["videoID"], pa.array(good))
    table, seconds = _table(records, columns, good, ids)
    return Rows(
        table=table,
        video_ids=ids,
        lines=records.lines[good],
        rejects=rejects,
        videos=len(records) + len(records.rejects),
        opted_out=len(out) + len(records.rejects) - len(unread),
        opt_outs=named.union(*mentioned),
        empty_lines=records.empty_lines,
        seconds=seconds,
    )


def _parsed(records: Records) -> dict[str, Lists]:
    parsers = {
        "timestamp": parse_spans,
        "caption": parse_strings,
        "matching_score": parse_scores,
        "desirable_filtering": parse_strings,
        "shot_boundary_detection": parse_span_lists,
    }
    return {name: parse(records.columns[name]) for name, parse in parsers.items() if name in records.columns}


def _problems(records: Records, columns: dict[str, Lists]) -> dict[int, str]:
    """What is wrong with a record, by its number; the first problem of each."""
    found: dict[int, str] = {}
    _note(found, _bad_ids(records.columns["videoID"]), "the video id is empty, too long or holds control characters")
    for name, lists in columns.items():
        for row, cause in lists.causes.items():
            found.setdefault(row, f"{name}: {cause}")
    times = columns["timestamp"]
    for name, lists in columns.items():
        for row in np.flatnonzero((lists.counts != times.counts) & (lists.counts >= 0) & (times.counts >= 0)).tolist():
            found.setdefault(row, f"unequal lists: {times.counts[row]} times, {lists.counts[row]} of {name}")
    _note(found, np.flatnonzero(times.counts == 0), "no clips")
    _note(found, _rows_of(times, _backwards(times.items)), "a clip ends before it starts")
    _note(found, _rows_of(times, _unordered(times)), "times out of order: a clip starts before the one before it")
    scores = columns["matching_score"]
    _note(found, _rows_of(scores, ~np.isfinite(_numbers(scores.items))), "matching_score: not a finite number")
    if "shot_boundary_detection" in columns:
        shots = columns["shot_boundary_detection"]
        for what, wrong in _wrong_shots(shots, times):
            _note(found, _rows_of(shots, wrong), f"shot_boundary_detection: {what}")
    return found


def _wrong_shots(shots: Lists, times: Lists) -> Iterator[tuple[str, np.ndarray]]:
    """What can be wrong with the shots of a clip, and whether it is, for each clip that ``shots`` speaks of."""
    of_clips: Lists = shots.items
    clip = np.repeat(np.arange(len(of_clips.counts)), of_clips.counts)

    def clips_with(wrong: np.ndarray) -> np.ndarray:
        found = np.zeros(len(of_clips.counts), bool)
        found[clip[wrong]] = True
        return found

    yield "a shot ends before it starts", clips_with(_backwards(of_clips.items))
    yield "a shot starts before the one before it", clips_with(_unordered(of_clips))
    beyond = of_clips.items[:, 1] > _clip_lengths(shots, times)[clip] + SHOT_TOLERANCE
    yield "a shot ends after its clip", clips_with(beyond)


def _clip_lengths(shots: Lists, times: Lists) -> np.ndarray:
    """How long each clip is that ``shots`` speaks of; without end where ``times`` has other clips for its record."""
    counts = np.maximum(shots.counts, 0)
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(np.maximum(times.counts, 0)) - np.maximum(times.counts, 0)
    known = (shots.counts == times.counts)[owner]
    places = (first[owner] + stretches(np.zeros(len(counts), np.int64), counts))[known]
    lengths = np.full(len(owner), np.iinfo(np.int64).max - SHOT_TOLERANCE)
    lengths[known] = times.items[places, 1] - times.items[places, 0]
    return lengths


def _note(found: dict[int, str], rows: np.ndarray, cause: str) -> None:
    for row in rows.tolist():
        found.setdefault(row, cause)


def _rows_of(lists: Lists, wrong: np.ndarray) -> np.ndarray:
    """Records that hold an item that is wrong."""
    counts = np.maximum(lists.counts, 0)
    return np.unique(np.repeat(np.arange(len(counts)), counts)[wrong])


def _backwards(spans: np.ndarray) -> np.ndarray:
    return spans[:, 1] <= spans[:, 0]


def _unordered(times: Lists) -> np.ndarray:
    counts = np.maximum(times.counts, 0)
    row = np.repeat(np.arange(len(counts)), counts)
    wrong = np.zeros(len(row), bool)
    wrong[1:] = (row[1:] == row[:-1]) & (times.items[1:, 0] < times.items[:-1, 0])
    return wrong


def _numbers(items: pa.Array) -> np.ndarray:
    return items.to_numpy(zero_copy_only=False)


def _bad_ids(ids: pa.Array) -> np.ndarray:
    lengths = _numbers(pc.binary_length(ids))
    odd = _numbers(pc.match_substring_regex(ids, r"[\x00-\x1f\x7f]"))
    return np.flatnonzero((lengths == 0) | (lengths > MAX_ID_BYTES) | odd.astype(bool))


def _opted_out(records: Records, opt_out: OptOut) -> tuple[set[int], frozenset[str]]:
    """The records that the list names, and by which of its entries."""
    if not opt_out:
        return set(), frozenset()
    listed = pa.array(sorted(opt_out.videos), pa.string())
    ids, urls = records.columns["videoID"], records.columns["url"]
    known = pc.extract_regex(urls, r"[?&]v=(?P<id>[A-Za-z0-9_-]{11})(?:&|$)").field("id")
    rows, entries = set[int](), set[str]()
    for column in (ids, urls, known):
        is_listed = pc.is_in(column, listed)
        rows.update(np.flatnonzero(_numbers(is_listed)).tolist())
        entries.update(pc.filter(column, is_listed).to_pylist())
    return rows, frozenset(entries)


def _mentioned(reject: Reject, opt_out: OptOut) -> frozenset[str]:
    """Of the listed videos those whose id stands in a record that could not be taken apart, in whichever cell."""
    return opt_out.videos.intersection(_WORD.findall(reject.text)) if opt_out.videos else frozenset()


def _table(records: Records, columns: dict[str, Lists], good: np.ndarray, ids: pa.Array) -> tuple[pa.Table, float]:
    counts = columns["timestamp"].counts[good]
    times = _kept(columns["timestamp"], good)
    owner = np.repeat(np.arange(len(counts)), counts)
    index = stretches(np.zeros(len(counts), np.int64), counts)
    video_ids = ids.take(pa.array(owner))
    urls = pc.filter(records.columns["url"], pa.array(good)).take(pa.array(owner))
    arrays = {
        "clip_id": pc.binary_join_element_wise(video_ids, pa.array(index).cast(pa.string()), "."),
        "video_id": video_ids,
        "url": urls,
        "start": pa.array(times[:, 0] / 1000),
        "end": pa.array(times[:, 1] / 1000),
        "caption": _kept(columns["caption"], good),
        "matching_score": _kept(columns["matching_score"], good),
        "desirable_filtering": pa.nulls(len(index), pa.string()),
        "shot_boundary_detection": pa.nulls(len(index), SCHEMA.field("shot_boundary_detection").type),
    }
    if "desirable_filtering" in columns:
        arrays["desirable_filtering"] = _kept(columns["desirable_filtering"], good)
        arrays["shot_boundary_detection"] = _shots(_kept(columns["shot_boundary_detection"], good))
    table = pa.Table.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA)
    return table, float((times[:, 1] - times[:, 0]).sum()) / 1000


def _kept(lists: Lists, good: np.ndarray) -> Any:
    """The items of the good records, one after the other."""
    if good.all():
        return lists.items
    counts = np.maximum(lists.counts, 0)
    return take(lists.items, np.flatnonzero(np.repeat(good, counts)))


def _shots(shots: Lists) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(shots.counts)]).astype(np.int32)
    spans = pa.StructArray.from_arrays(
        [pa.array(shots.items[:, 0] / 1000), pa.array(shots.items[:, 1] / 1000)], names=["start", "end"]
    )
    return pa.ListArray.from_arrays(pa.array(offsets), spans)
