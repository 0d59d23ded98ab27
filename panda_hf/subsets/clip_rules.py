"""The rules that look at one clip at a time, over a whole block at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from panda_hf.errors import SourceError
from panda_hf.rights import REASON, OptOut
from panda_hf.subsets import keywords
from panda_hf.subsets.blocks import Block
from panda_hf.subsets.rule import Subset

REASONS = (
    "kept",
    REASON,
    "id unknown",
    "video in the other set",
    "score unknown",
    "score too low",
    "score too high",
    "label unknown",
    "label not asked for",
    "shots unknown",
    "several shots",
    "times unknown",
    "too short",
    "too long",
    "measure unknown",
    "measure beyond its limit",
    "caption unknown",
    "keyword missing",
    "keyword excluded",
    "too few such clips in the video",
    "beyond the number per video",
    "beyond the number of videos",
    "beyond the number of clips",
)
"""What became of a clip; a clip that several rules would drop counts for the first of them."""
CODE = {reason: code for code, reason in enumerate(REASONS)}
Codes = np.ndarray[tuple[int], np.dtype[np.int8]]

_OPT_OUT_COLUMNS = ("video_id", "url", "webpage_url", "original_url", "channel_id", "channel", "channel_url",
                    "uploader_id", "uploader", "uploader_url")  # fmt: skip
_TICK = 6
"""Decimals of a second to which lengths are rounded, so that 4.1 - 2.1 lasts 2 seconds."""


def clip_codes(rule: Subset, block: Block) -> Codes:
    """What becomes of each clip by the rules that look at it alone: indices of ``REASONS``, 0 where it passes all."""
    codes = np.zeros(block.table.num_rows, np.int8)
    for reason, dropped in _tests(rule, block, codes):
        codes[(codes == 0) & dropped] = CODE[reason]
    return codes


def _tests(rule: Subset, block: Block, codes: Codes) -> Iterable[tuple[str, np.ndarray]]:
    table = block.table
    if rule.opt_out:
        yield REASON, opted_out(rule.opt_out, table)
    for name in {"video_id", "clip_id"} & set(rule.columns):
        yield "id unknown", _unknown(table[name])
    if rule.disjoint_from:
        assert block.ids is not None
        yield "video in the other set", np.repeat(rule.disjoint_from.holds(block.ids), block.lengths)
    if rule.asks_score:
        yield from _score_tests(rule, numbers(table, "matching_score"))
    if rule.labels:
        labels = table["desirable_filtering"]
        yield "label unknown", _unknown(labels)
        yield "label not asked for", ~_flags(pc.is_in(labels.cast(pa.string()), pa.array(rule.labels, pa.string())))
    if rule.single_shot:
        shots = _shots(table)
        yield "shots unknown", ~(shots >= 1)
        yield "several shots", shots > 1
    if rule.asks_times:
        seconds = lengths(table)
        yield "times unknown", np.isnan(seconds)
        yield "too short", seconds < _or(rule.min_seconds, -np.inf)
        yield "too long", seconds > _or(rule.max_seconds, np.inf)
    for limit in rule.limits:
        values = numbers(table, limit.column)
        yield "measure unknown", np.isnan(values)
        yield "measure beyond its limit", values < limit.value if limit.sign == ">=" else values > limit.value
    if rule.keywords or rule.exclude_keywords:
        yield from _keyword_tests(rule, table["caption"], codes)


def _score_tests(rule: Subset, scores: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
    yield "score unknown", np.isnan(scores)
    too_low = (scores <= _or(rule.above_score, -np.inf)) | (scores < _or(rule.min_score, -np.inf))
    yield "score too low", too_low if rule.above_score is not None or rule.min_score is not None else scores < -np.inf
    yield "score too high", scores > _or(rule.max_score, np.inf)


def _keyword_tests(rule: Subset, captions: pa.ChunkedArray, codes: Codes) -> Iterable[tuple[str, np.ndarray]]:
    """Only captions of clips that passed so far are searched."""
    yield "caption unknown", _unknown(captions)
    for reason, words, mode, wanted in (
        ("keyword missing", rule.keywords, rule.match, False),
        ("keyword excluded", rule.exclude_keywords, "any", True),
    ):
        if words:
            live = codes == 0
            dropped = np.zeros(len(captions), bool)
            dropped[live] = keywords.matches(captions.filter(pa.array(live)), words, mode) == wanted
            yield reason, dropped


def opted_out(opt_out: OptOut, table: pa.Table) -> np.ndarray:
    """Which rows an opt-out list names, by whichever of the columns it knows are there; each value is asked once."""
    named = np.zeros(table.num_rows, bool)
    for name, column in _asked_columns(table):
        asked = [opt_out.names({name: value}) for value in column.dictionary.to_pylist()]
        named |= _flags(pc.take(pa.array(asked, pa.bool_()), column.indices))
    return named


def opt_out_entries(opt_out: OptOut, table: pa.Table) -> frozenset[str]:
    """The entries of an opt-out list that name any of these rows."""
    values = ((name, value) for name, column in _asked_columns(table) for value in column.dictionary.to_pylist())
    return frozenset().union(*(opt_out.entries({name: value}) for name, value in values))


def _asked_columns(table: pa.Table) -> Iterable[tuple[str, pa.DictionaryArray]]:
    for name in opt_out_columns(table.column_names):
        if pa.types.is_string(table.schema.field(name).type):
            yield name, table[name].combine_chunks().dictionary_encode()


def opt_out_columns(columns: Iterable[str]) -> list[str]:
    """Of these columns, those that an opt-out list is compared with."""
    return [name for name in columns if name in _OPT_OUT_COLUMNS]


def lengths(table: pa.Table) -> np.ndarray:
    """How long each clip lasts, seconds; not a number where that is not known."""
    return np.round(numbers(table, "end") - numbers(table, "start"), _TICK)


def numbers(table: pa.Table, name: str) -> np.ndarray:
    """A column as float64; not a number where it is ``None``.

    Raises:
        SourceError: when it holds no numbers.
    """
    try:
        values = pc.fill_null(table[name].cast(pa.float64()), np.nan)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SourceError(f"the column {name!r} holds {table.schema.field(name).type}, not numbers") from error
    return values.to_numpy()


def _shots(table: pa.Table) -> np.ndarray:
    """How many shots each clip has; not a number where that is not known."""
    kind = table.schema.field("shot_boundary_detection").type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise SourceError(f"the column 'shot_boundary_detection' holds {kind}, not a list of shots")
    counts = pc.list_value_length(table["shot_boundary_detection"]).cast(pa.float64())
    return pc.fill_null(counts, np.nan).to_numpy()


def _unknown(column: pa.ChunkedArray) -> np.ndarray:
    return _flags(column.is_null())


def _flags(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    values = pc.fill_null(column, False)
    return values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
