"""A block of CSV text to its records: cells as Arrow columns, what cannot be read as rejects with their line."""

from __future__ import annotations

import csv
import io
import re
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from panda_hf.release.source import COLUMNS, LATE_COLUMNS, MAX_RECORD_BYTES, Block, Header

Span = tuple[int, int, int]
"""Start and end of a record in a block, and its line."""

MAX_KEPT_TEXT = 2**20
"""Of a rejected record so many bytes are kept."""

_QUOTE, _NEWLINE = 34, 10
_LIMIT_LOCK = threading.Lock()  # the limit of csv is one for all threads


@dataclass(frozen=True)
class Reject:
    """A record that is kept aside."""

    line: int
    cause: str
    video_id: str | None
    text: str


@dataclass
class Records:
    """The records of a block: one string column per column of the release, and their first lines."""

    columns: dict[str, pa.Array]
    lines: np.ndarray
    text: list[tuple[int, int]]
    """Where each record stands in ``data``: start and end."""
    data: bytes
    rejects: list[Reject] = field(default_factory=list)
    empty_lines: int = 0

    def __len__(self) -> int:
        return len(self.lines)

    def reject(self, row: int, cause: str) -> Reject:
        """The record ``row`` as a reject."""
        start, end = self.text[row]
        return _reject(self.data[start:end], int(self.lines[row]), cause)


def read_records(block: Block, header: Header) -> Records:
    """Take a block apart.

    Rejected here: records whose quotes do not close, of another number of cells than the header, not in UTF-8,
    longer than ``MAX_RECORD_BYTES``.
    """
    spans, rejects, empty = _spans(block, header)
    data = block.data
    columns, wrong = _cells(data, spans, header)
    for row, cause in wrong.items():
        start, end, line = spans[row]
        rejects.append(_reject(data[start:end], line, cause))
    spans = [span for i, span in enumerate(spans) if i not in wrong] if wrong else spans
    lines = np.fromiter((line for _, _, line in spans), np.int64, len(spans))
    if header.names[0] != COLUMNS[0]:  # whose record it is cannot be told from its first cell
        rejects = [replace(reject, video_id=None) for reject in rejects]
    return Records(columns, lines, [(s, e) for s, e, _ in spans], data, rejects, empty)


def _spans(block: Block, header: Header) -> tuple[list[Span], list[Reject], int]:
    """Start, end and line of each record, by the parity of quotes; empty lines are counted and left out."""
    array = np.frombuffer(block.data, np.uint8)
    ends = np.flatnonzero(array == _NEWLINE) + 1
    if not len(ends) or ends[-1] != len(array):
        ends = np.append(ends, len(array))
    starts = np.concatenate([[0], ends[:-1]])
    quotes = np.flatnonzero(array == _QUOTE)
    counts = np.diff(np.searchsorted(quotes, np.concatenate([starts, ends[-1:]])))
    lengths = ends - starts
    plain = lengths > 2
    odd = counts % 2 == 1
    numbers = np.arange(block.line, block.line + len(starts))
    if plain.all() and not odd.any() and lengths.max() <= MAX_RECORD_BYTES:
        return list(zip(starts.tolist(), ends.tolist(), numbers.tolist(), strict=True)), [], 0
    return _joined(block.data, starts.tolist(), ends.tolist(), numbers.tolist(), odd.tolist(), header.record_start)


def _joined(
    data: bytes, starts: list[int], ends: list[int], numbers: list[int], odd: list[bool], look: re.Pattern[bytes]
) -> tuple[list[Span], list[Reject], int]:
    """The slow way: lines that belong together joined, what does not close rejected up to the next record."""
    spans, rejects, empty, i = [], [], 0, 0
    while i < len(starts):
        j = i + 1
        if odd[i]:
            while j < len(starts) and not odd[j] and not look.match(data, starts[j]):
                j += 1
            closed = j < len(starts) and odd[j] and not look.match(data, starts[j])
            j += closed
        else:
            closed = True
        start, end = starts[i], ends[j - 1]
        if not data[start:end].strip():
            empty += 1
        elif not closed:
            rejects.append(_reject(data[start:end], numbers[i], "a quote is not closed"))
        elif end - start > MAX_RECORD_BYTES:
            rejects.append(_reject(data[start:end], numbers[i], f"longer than {MAX_RECORD_BYTES} bytes"))
        else:
            spans.append((start, end, numbers[i]))
        i = j
    return spans, rejects, empty


def _cells(data: bytes, spans: list[Span], header: Header) -> tuple[dict[str, pa.Array], dict[int, str]]:
    """The columns of the records that have as many cells as the header, and what is wrong with each other one."""
    wanted = [*COLUMNS, *LATE_COLUMNS] if header.has_late_columns else [*COLUMNS]
    if not spans:
        return {name: pa.array([], pa.string()) for name in wanted}, {}
    if spans[-1][2] - spans[0][2] + 1 == len(spans) and spans[0][0] == 0 and spans[-1][1] == len(data):
        found = _arrow_cells(data, header, wanted, len(spans))  # each line is a record
        if found is not None:
            return found
    return _csv_cells(data, spans, header, wanted)


def _arrow_cells(
    text: bytes, header: Header, wanted: list[str], rows: int
) -> tuple[dict[str, pa.Array], dict[int, str]] | None:
    """By pyarrow; ``None`` where it sees other records than lines, or text that is not UTF-8.

    A quote in the middle of a cell opens none for pyarrow, so that its records can be others than ours.
    Each line is a record here, so pyarrow need not look for newlines in cells, which would take most of its time.
    """
    wrong: dict[int, str] = {}

    def skip(row: Any) -> str:
        wrong[row.number - 1] = _cell_count(row.actual_columns, header)
        return "skip"

    try:
        table = pacsv.read_csv(
            pa.BufferReader(text),
            read_options=pacsv.ReadOptions(
                column_names=list(header.names), use_threads=False, block_size=len(text) + 1024
            ),
            parse_options=pacsv.ParseOptions(
                newlines_in_values=False, invalid_row_handler=skip, ignore_empty_lines=False
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(header.names, pa.string()), include_columns=wanted,
                strings_can_be_null=False, quoted_strings_can_be_null=False,
            ),
        )  # fmt: skip
    except pa.ArrowInvalid:
        return None
    if len(table) + len(wrong) != rows:
        return None
    return {name: table[name].combine_chunks() for name in wanted}, wrong


def _csv_cells(
    data: bytes, spans: list[Span], header: Header, wanted: list[str]
) -> tuple[dict[str, pa.Array], dict[int, str]]:
    """By Python's csv, record by record: slow, for blocks in which records are not lines."""
    places = [header.names.index(name) for name in wanted]
    columns: dict[str, list[str]] = {name: [] for name in wanted}
    wrong: dict[int, str] = {}
    for i, (start, end, _) in enumerate(spans):
        try:
            text = data[start:end].decode("utf-8")
        except UnicodeDecodeError:
            wrong[i] = "not valid UTF-8"
            continue
        try:
            rows = _csv_rows(text)
        except csv.Error as error:
            wrong[i] = f"not CSV: {error}"
            continue
        if len(rows) != 1 or len(rows[0]) != len(header.names):
            wrong[i] = _cell_count(len(rows[0]), header) if len(rows) == 1 else "not CSV: quotes do not pair"
            continue
        for name, place in zip(wanted, places, strict=True):
            columns[name].append(rows[0][place])
    return {name: pa.array(cells, pa.string()) for name, cells in columns.items()}, wrong


def _csv_rows(text: str) -> list[list[str]]:
    """One record by Python's csv, whatever the length of its cells; the limit is put back."""
    with _LIMIT_LOCK:
        limit = csv.field_size_limit(2 * MAX_RECORD_BYTES)
        try:
            return list(csv.reader(io.StringIO(text, newline=""), strict=True))
        finally:
            csv.field_size_limit(limit)


def _cell_count(found: int, header: Header) -> str:
    return f"{found} cells, expected {len(header.names)}"


def _reject(record: bytes, line: int, cause: str) -> Reject:
    text = record[:MAX_KEPT_TEXT].decode("utf-8", "replace").rstrip("\r\n")
    if len(record) > MAX_KEPT_TEXT:
        text += f" … ({len(record):,} bytes in all)"
    first = record[:200].split(b",", 1)[0].strip(b'"').decode("utf-8", "replace")
    return Reject(line, cause, first or None, text)
