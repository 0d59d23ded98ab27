"""Columns of Python literals, parsed as whole columns: quotes, commas and digits by their places in the buffer.

A cell is what ``repr`` writes of a list. Its fast grammar is checked byte for byte; a cell that does not fit goes
through ``ast.literal_eval`` alone, which also decides what is no literal. Nothing is ever evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from panda_hf.release import literals

Bytes = np.ndarray
"""uint8"""
Ints = np.ndarray
"""int64"""

_APOSTROPHE, _QUOTE, _BACKSLASH = 39, 34, 92
_OPEN, _CLOSE, _COMMA, _SPACE, _DOT, _COLON, _MINUS, _ZERO = 91, 93, 44, 32, 46, 58, 45, 48
_UNFIT = (0, 10, 13)
"""No Python literal between single quotes holds these bytes."""
_MAX_HOUR_DIGITS = 4


@dataclass(frozen=True)
class Lists:
    """A column of lists: how many items each row has, and all items of all rows one after the other.

    A row that is no such list has -1 items and a cause.
    """

    counts: Ints
    items: Any
    """Of the kind of column: a string array, a float array, a (n, 2) array of seconds, or ``Lists`` of such."""
    causes: dict[int, str]


class Cells:
    """The bytes of a binary column and where its cells lie."""

    def __init__(self, column: pa.Array) -> None:
        """Look into the buffers of ``column``, which has no nulls."""
        column = column.cast(pa.binary())
        offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
        self.offsets = offsets.astype(np.int64)
        values = column.buffers()[2]
        self.data: Bytes = np.frombuffer(values if values is not None else b"", np.uint8)
        self.starts, self.ends = self.offsets[:-1], self.offsets[1:]
        self.column = column

    def __len__(self) -> int:
        return len(self.starts)

    def of(self, places: Ints) -> Ints:
        """In which cell each of these places lies; they are in order."""
        return np.repeat(np.arange(len(self)), np.diff(np.searchsorted(places, self.offsets)))

    def where(self, *symbols: int) -> Ints:
        """Places of any of these bytes, in order."""
        found = self.data == symbols[0]
        for symbol in symbols[1:]:
            found |= self.data == symbol
        places = np.flatnonzero(found)
        return places[(places >= self.offsets[0]) & (places < self.offsets[-1])]

    def text(self, row: int) -> bytes:
        """One cell."""
        return self.column[row].as_py()

    def at(self, places: Ints) -> Bytes:
        """The bytes at these places; 0 beyond the ends of the buffer."""
        inside = (places >= 0) & (places < len(self.data))
        return np.where(inside, self.data[np.where(inside, places, 0)] if len(self.data) else 0, 0)


def parse_strings(column: pa.Array) -> Lists:
    """``['…', "…"]`` per cell; items are a string array. The bytes of ``column`` must be valid UTF-8."""
    cells = Cells(column)
    fits = (cells.at(cells.starts) == _OPEN) & (cells.at(cells.ends - 1) == _CLOSE) & (cells.ends - cells.starts >= 2)
    fits &= ~_has(cells, cells.where(*_UNFIT))
    backslashes = cells.where(_BACKSLASH)
    commas = cells.where(_COMMA)
    joint = _is_quote(cells.at(commas - 1)) & (cells.at(commas + 1) == _SPACE) & _is_quote(cells.at(commas + 2))
    commas = commas[joint]
    fits[cells.of(commas[cells.at(commas - 2) == _BACKSLASH])] = False  # is it a joint, or a quote within a text?
    commas = commas[fits[cells.of(commas)]]
    empty = fits & (cells.ends - cells.starts == 2)
    some = fits & ~empty
    opens = np.sort(np.concatenate([cells.starts[some] + 1, commas + 2]))
    closes = np.sort(np.concatenate([cells.ends[some] - 2, commas - 1]))
    marks = cells.at(opens)
    escaped = _between(backslashes, opens, closes) > 0
    good = (closes > opens) & _is_quote(marks) & (marks == cells.at(closes))
    good &= escaped | (_inside(cells, opens, closes, marks) == 0)
    places = np.flatnonzero(escaped & good)
    texts = [_unescaped(cells, int(opens[i]), int(closes[i])) for i in places.tolist()]
    good[places] = [text is not None for text in texts]
    fits[np.unique(cells.of(opens[~good]))] = False
    kept = fits[cells.of(opens)]
    items = _pieces(cells, opens[kept] + 1, closes[kept])
    if len(places):
        mask = np.zeros(len(opens), bool)
        mask[places] = True
        there = [text for text, stays in zip(texts, kept[places].tolist(), strict=True) if stays]
        items = pc.replace_with_mask(items, pa.array(mask[kept]), pa.array(there, pa.string()))
    counts = np.where(empty, 0, np.where(fits, _count(cells, commas) + 1, -1))
    return _with_slow(cells, counts, items, literals.strings, lambda values: pa.array(values, pa.string()))


def _unescaped(cells: Cells, start: int, end: int) -> str | None:
    """The text of one string that holds a backslash; ``None`` leaves its cell to the slow way."""
    try:
        return literals.string(cells.data[start : end + 1].tobytes())
    except ValueError:
        return None


def parse_scores(column: pa.Array) -> Lists:
    """``[0.5, 0.25]`` per cell; items are a float64 array with the very values that ``float`` gives."""
    cells = Cells(column)
    fits = (cells.at(cells.starts) == _OPEN) & (cells.at(cells.ends - 1) == _CLOSE) & (cells.ends - cells.starts > 2)
    commas = cells.where(_COMMA)
    fits[cells.of(commas[cells.at(commas + 1) != _SPACE])] = False
    commas = commas[fits[cells.of(commas)]]
    counts = _count(cells, commas) + 1
    starts = np.sort(np.concatenate([cells.starts[fits] + 1, commas + 2]))
    ends = np.sort(np.concatenate([cells.ends[fits] - 1, commas]))
    good = _is_digit(cells.at(ends - 1)) & (ends > starts)
    lead = cells.at(starts) == _MINUS
    good &= _is_digit(cells.at(starts + lead))
    dots = cells.where(_DOT)
    good &= _between(dots, starts, ends) == 1
    odd = np.flatnonzero(~(_is_digit(cells.data) | (cells.data == _DOT)))
    good &= _between(odd, starts, ends) == lead
    fits[np.unique(cells.of(starts[~good]))] = False
    kept = fits[cells.of(starts)]
    items = pc.cast(_pieces(cells, starts[kept], ends[kept]), pa.float64())
    counts = np.where(fits, counts, -1)
    return _with_slow(cells, counts, items, literals.scores, lambda values: pa.array(values, pa.float64()))


def parse_spans(column: pa.Array) -> Lists:
    """``[['0:00:01.500', '0:00:03.000'], …]`` per cell; items are an (n, 2) array of milliseconds."""
    cells = Cells(column)
    opens, closes, fits = _quoted(cells, depth=2)
    fits, firsts = _spaced(cells, opens, closes, fits, depth=2)
    del firsts
    times, fits = _milliseconds(cells, opens, closes, fits)
    kept = fits[cells.of(opens)]
    counts = np.where(fits, _count(cells, opens) // 2, -1)
    items = times[kept].reshape(-1, 2)
    return _with_slow(cells, counts, items, literals.spans, _span_array, np.concatenate, _take_rows)


def parse_span_lists(column: pa.Array) -> Lists:
    """``[[['0:00:00.000', '0:00:03.000'], …], …]`` per cell; items are ``Lists`` of (n, 2) arrays of milliseconds."""
    cells = Cells(column)
    opens, closes, fits = _quoted(cells, depth=3)
    fits, firsts = _spaced(cells, opens, closes, fits, depth=3)
    times, fits = _milliseconds(cells, opens, closes, fits)
    kept = fits[cells.of(opens)]
    pairs = times[kept].reshape(-1, 2)
    starts_list = firsts[kept][0::2]
    where = np.flatnonzero(starts_list)
    sizes = np.diff(np.append(where, len(starts_list)))
    per_row = np.bincount(cells.of(opens[kept])[0::2][where], minlength=len(cells)).astype(np.int64)
    counts = np.where(fits, per_row, -1)
    return _with_slow(
        cells, counts, Lists(sizes, pairs, {}), literals.span_lists, _nested, _concat_nested, _take_nested
    )


def _has(cells: Cells, places: Ints) -> np.ndarray:
    found = np.zeros(len(cells), bool)
    found[cells.of(places)] = True
    return found


def _count(cells: Cells, places: Ints) -> Ints:
    return np.diff(np.searchsorted(places, cells.offsets))


def _is_quote(values: Bytes) -> np.ndarray:
    return (values == _APOSTROPHE) | (values == _QUOTE)


def _is_digit(values: Bytes) -> np.ndarray:
    return (values >= _ZERO) & (values <= _ZERO + 9)


def _between(places: Ints, starts: Ints, ends: Ints) -> Ints:
    """How many of ``places`` lie in each ``[start, end)``."""
    return np.searchsorted(places, ends) - np.searchsorted(places, starts)


def _inside(cells: Cells, opens: Ints, closes: Ints, marks: Bytes) -> Ints:
    """How often the mark that opens a string stands within it."""
    found = np.zeros(len(opens), np.int64)
    for mark in (_APOSTROPHE, _QUOTE):
        found += np.where(marks == mark, _between(cells.where(mark), opens + 1, closes), 0)
    return found


def _pieces(cells: Cells, starts: Ints, ends: Ints) -> pa.Array:
    """The stretches of bytes as a string array, without a loop over them."""
    change = np.zeros(len(cells.data) + 1, np.int8)
    change[starts] += 1
    change[ends] -= 1
    data = cells.data[np.cumsum(change[:-1], dtype=np.int8).view(bool)]
    offsets = np.zeros(len(starts) + 1, np.int32)
    np.cumsum(ends - starts, out=offsets[1:])
    return pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data)))


def _quoted(cells: Cells, depth: int) -> tuple[Ints, Ints, np.ndarray]:
    """Opening and closing quotes of the times in cells that have a multiple of four, none other, and the brackets."""
    quotes = cells.where(_APOSTROPHE)
    counts = _count(cells, quotes)
    fits = (counts > 0) & (counts % 4 == 0) & (cells.ends - cells.starts > 2 * depth)
    for k in range(depth):
        fits &= (cells.at(cells.starts + k) == _OPEN) & (cells.at(cells.ends - 1 - k) == _CLOSE)
    quotes = quotes[fits[cells.of(quotes)]]
    return quotes[0::2], quotes[1::2], fits


def _spaced(cells: Cells, opens: Ints, closes: Ints, fits: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Check what stands between the times. Also: which times begin a list of the outer level."""
    row = cells.of(opens)
    first = np.ones(len(opens), bool)
    first[1:] = row[1:] != row[:-1]
    last = np.roll(first, -1)
    gap = np.zeros(len(opens), np.int64)
    gap[1:] = opens[1:] - closes[:-1]
    good = np.ones(len(opens), bool)
    good[first] = opens[first] == cells.starts[row[first]] + depth
    good[last] &= closes[last] == cells.ends[row[last]] - 1 - depth
    second = np.zeros(len(opens), bool)
    second[1::2] = True
    good &= ~second | _stands(cells, opens, gap, b", ")
    joint = ~second & ~first
    near = joint & _stands(cells, opens, gap, b"], [")
    far = joint & _stands(cells, opens, gap, b"]], [[") if depth == 3 else np.zeros(len(opens), bool)
    good &= ~joint | near | far
    fits = fits.copy()
    fits[np.unique(row[~good])] = False
    return fits, first | far


def _stands(cells: Cells, opens: Ints, gap: Ints, text: bytes) -> np.ndarray:
    """Where exactly ``text`` stands between the quote before and the quote that opens."""
    found = gap == len(text) + 1
    for k, symbol in enumerate(text):
        found &= cells.at(opens - len(text) + k) == symbol
    return found


def _milliseconds(cells: Cells, opens: Ints, closes: Ints, fits: np.ndarray) -> tuple[Ints, np.ndarray]:
    """``H:MM:SS.mmm`` between the quotes as milliseconds; cells in which one is something else do not fit."""
    digits = cells.data - np.uint8(_ZERO)
    good = np.ones(len(opens), bool)

    def number(*back: int) -> Ints:
        total = np.zeros(len(opens), np.int32)
        for distance in back:
            value = digits[closes - distance]
            np.logical_and(good, value <= 9, out=good)
            total = total * 10 + value
        return total

    width = closes - 11 - opens
    good &= (width >= 1) & (width <= _MAX_HOUR_DIGITS)
    closes = np.where(good, closes, min(16, len(digits) - 1))  # a place inside the buffer, its cell is out already
    thousandths, seconds, minutes = number(3, 2, 1), number(6, 5), number(9, 8)
    good &= (cells.data[closes - 4] == _DOT) & (cells.data[closes - 7] == _COLON)
    good &= (cells.data[closes - 10] == _COLON) & (seconds < 60) & (minutes < 60)
    hours = number(11)
    for place in range(2, _MAX_HOUR_DIGITS + 1):
        there = good & (width >= place)
        value = np.where(there, digits[closes - 10 - place], 0)
        good &= value <= 9
        hours = hours + value * np.int32(10 ** (place - 1))
    fits = fits.copy()
    fits[np.unique(cells.of(opens[~good]))] = False
    return ((hours.astype(np.int64) * 60 + minutes) * 60 + seconds) * 1000 + thousandths, fits


def _span_array(values: list[Any]) -> np.ndarray:
    return np.array(values, np.int64).reshape(-1, 2)


def _take_rows(items: np.ndarray, order: Ints) -> np.ndarray:
    return items[order]


def _nested(values: list[Any]) -> Lists:
    sizes = np.fromiter(map(len, values), np.int64, len(values))
    return Lists(sizes, _span_array([span for spans in values for span in spans]), {})


def _concat_nested(parts: list[Lists]) -> Lists:
    return Lists(np.concatenate([part.counts for part in parts]), np.concatenate([part.items for part in parts]), {})


def _take_nested(lists: Lists, order: Ints) -> Lists:
    starts = np.cumsum(lists.counts) - lists.counts
    return Lists(lists.counts[order], lists.items[stretches(starts[order], lists.counts[order])], {})


def stretches(starts: Ints, counts: Ints) -> Ints:
    """``starts[0], starts[0] + 1, …`` (``counts[0]`` of them), then those of the next, and so on."""
    total = int(counts.sum())
    jumps = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    return jumps + np.arange(total)


def take(items: Any, order: Ints) -> Any:
    """Items of any kind of column in another order, or some of them."""
    if isinstance(items, Lists):
        return _take_nested(items, order)
    return items[order] if isinstance(items, np.ndarray) else items.take(pa.array(order))


def _with_slow(
    cells: Cells,
    counts: Ints,
    items: Any,
    parse: Callable[[bytes], list[Any]],
    gather: Callable[[list[Any]], Any],
    concat: Callable[[list[Any]], Any] = pa.concat_arrays,
    take_items: Callable[[Any, Ints], Any] = take,
) -> Lists:
    """Parse the cells that did not fit one by one, and put their items where they belong."""
    slow = np.flatnonzero(counts < 0)
    if not len(slow):
        return Lists(counts, items, {})
    causes, found, rows = {}, [], []
    counts = counts.copy()
    fast = counts > 0
    for row in slow.tolist():
        try:
            values = parse(cells.text(row))
        except ValueError as error:
            causes[row] = str(error)
            continue
        counts[row] = len(values)
        rows += [row] * len(values)
        found += values
    owner = np.concatenate([np.repeat(np.flatnonzero(fast), counts[fast]), np.array(rows, np.int64)])
    together = concat([items, gather(found)])
    return Lists(counts, take_items(together, np.argsort(owner, kind="stable")), causes)
