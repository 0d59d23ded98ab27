"""The fast grammar against `ast.literal_eval`, on what is right and on what is nearly right."""

from __future__ import annotations

import ast
import random

import pyarrow as pa
import pytest

from panda_hf.release.cells import Lists, parse_scores, parse_span_lists, parse_spans, parse_strings

TEXTS = [
    "",
    "a man",
    "a, b",
    "', '",
    "it's",
    'say "hi"',
    "\"', '\"",
    "back\\slash",
    "line\nbreak",
    "é",
    "パンダ",
    "[]",
    "x]",
    "\t",
]
TIMES = ["0:00:00.000", "0:01:20.880", "10:59:59.999", "123:00:00.001"]


def as_lists(parsed: Lists) -> list[list | None]:
    """The items of each row; ``None`` for a row with a cause."""
    items = parsed.items.to_pylist() if isinstance(parsed.items, pa.Array) else _nested(parsed.items)
    rows, place = [], 0
    for row, count in enumerate(parsed.counts.tolist()):
        assert (count < 0) == (row in parsed.causes)
        rows.append(None if count < 0 else items[place : place + count])
        place += max(count, 0)
    assert place == len(items)
    return rows


def _nested(items) -> list:
    if isinstance(items, Lists):
        return as_lists(items)
    return items.tolist()


def literal(cell: str):
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, list) else None


def milliseconds(clock: str) -> int:
    hours, minutes, rest = clock.split(":")
    return (int(hours) * 3600 + int(minutes) * 60) * 1000 + round(float(rest) * 1000)


def damaged(cell: str, rng: random.Random) -> str:
    """The cell with a few characters lost, doubled or exchanged."""
    for _ in range(rng.randint(1, 2)):
        i = rng.randrange(len(cell) + 1)
        cell = (
            cell[:i]
            + rng.choice(["", "'", '"', ",", " ", "[", "]", "\\", "0", "\n", ", ", "é"])
            + cell[i + rng.randint(0, 1) :]
        )
    return cell


@pytest.mark.parametrize("seed", range(8))
def test_strings_are_what_literal_eval_reads(seed: int) -> None:
    rng = random.Random(seed)
    cells = [repr([rng.choice(TEXTS) for _ in range(rng.randint(0, 5))]) for _ in range(200)]
    cells += [damaged(rng.choice(cells), rng) for _ in range(400)]
    expected = [literal(cell) for cell in cells]
    expected = [value if value is not None and all(isinstance(v, str) for v in value) else None for value in expected]
    assert as_lists(parse_strings(pa.array(cells))) == expected


@pytest.mark.parametrize("seed", range(8))
def test_scores_are_the_very_numbers_that_literal_eval_reads(seed: int) -> None:
    rng = random.Random(seed)
    values = [0.451416015625, 0.1, -0.25, 1e-7, 123456.789, 1.0, 0.30000000000000004, 1, 5e-324, 2.5e300]
    cells = [repr([rng.choice(values) for _ in range(rng.randint(0, 6))]) for _ in range(200)]
    cells += [damaged(rng.choice(cells), rng) for _ in range(400)] + [
        "[1e999]",
        "[True]",
        "[1.5, None]",
        "[.5]",
        "[5.]",
    ]
    expected = [literal(cell) for cell in cells]
    for i, value in enumerate(expected):
        good = value is not None and all(type(v) in (int, float) and abs(v) != float("inf") for v in value)
        expected[i] = [float(v) for v in value] if good else None
    assert as_lists(parse_scores(pa.array(cells))) == expected


def pairs(rng: random.Random, least: int) -> list[list[str]]:
    return [[rng.choice(TIMES), rng.choice(TIMES)] for _ in range(rng.randint(least, 4))]


@pytest.mark.parametrize("seed", range(8))
def test_times_are_what_literal_eval_and_arithmetic_read(seed: int) -> None:
    rng = random.Random(seed)
    cells = [repr(pairs(rng, 0)) for _ in range(200)]
    cells += [damaged(rng.choice(cells), rng) for _ in range(400)]
    for cell, found in zip(cells, as_lists(parse_spans(pa.array(cells))), strict=True):
        value = literal(cell)
        if found is None:
            assert value is None or not _are_pairs(value), cell
        else:
            assert found == [[milliseconds(a), milliseconds(b)] for a, b in value], cell


@pytest.mark.parametrize("seed", range(8))
def test_shots_are_what_literal_eval_and_arithmetic_read(seed: int) -> None:
    rng = random.Random(seed)
    cells = [repr([pairs(rng, rng.randint(0, 1)) for _ in range(rng.randint(0, 4))]) for _ in range(200)]
    cells += [damaged(rng.choice(cells), rng) for _ in range(400)]
    for cell, found in zip(cells, as_lists(parse_span_lists(pa.array(cells))), strict=True):
        value = literal(cell)
        if found is None:
            assert value is None or not all(isinstance(v, list) and _are_pairs(v) for v in value), cell
        else:
            assert found == [[[milliseconds(a), milliseconds(b)] for a, b in spans] for spans in value], cell


def _are_pairs(value: list) -> bool:
    """Whether these are pairs of times of the release's form."""
    import re

    form = re.compile(r"[0-9]{1,4}:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,3})?")
    return all(
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(isinstance(t, str) and form.fullmatch(t) for t in pair)
        for pair in value
    )


def test_no_literal_is_ever_evaluated() -> None:
    cell = "[__import__('os').getcwd()]"
    for parse in (parse_strings, parse_scores, parse_spans, parse_span_lists):
        parsed = parse(pa.array([cell]))
        assert parsed.counts.tolist() == [-1]
        assert "broken literal" in parsed.causes[0]


@pytest.mark.parametrize(
    "cell", ["[" * 5000, "[" * 5000 + "]" * 5000, "(" * 100000, "-" * 100000 + "1", "[" + "9" * 10000 + "]"]
)
def test_hostile_cells_end_with_a_cause(cell: str) -> None:
    for parse in (parse_strings, parse_scores, parse_spans, parse_span_lists):
        assert parse(pa.array([cell, "[]"])).counts.tolist() == [-1, 0]


GOOD_CELLS = {
    parse_strings: "['a cat']",
    parse_scores: "[0.5]",
    parse_spans: "[['0:00:01.000', '0:00:02.500']]",
    parse_span_lists: "[[['0:00:00.000', '0:00:01.500']]]",
}


@pytest.mark.parametrize("parse", GOOD_CELLS)
@pytest.mark.parametrize("neighbour", ["good", "[]"])
def test_an_empty_or_tiny_cell_is_no_list_whatever_stands_beside_it(parse, neighbour: str) -> None:
    beside = GOOD_CELLS[parse] if neighbour == "good" else neighbour
    size = 1 if neighbour == "good" else 0
    cells = [beside, "", beside, "", "", beside, "[", beside, "]", "'", beside, ""]
    assert parse(pa.array(cells)).counts.tolist() == [size if cell == beside else -1 for cell in cells]
    parsed = parse(pa.array(["", beside, ""]))
    assert parsed.counts.tolist() == [-1, size, -1]
    assert set(parsed.causes) == {0, 2} and all(parsed.causes.values())


def test_an_empty_column_has_no_rows() -> None:
    for parse in (parse_strings, parse_scores, parse_spans, parse_span_lists):
        assert len(parse(pa.array([], pa.string())).counts) == 0
