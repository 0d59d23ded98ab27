"""A million videos of the release's shape: every value against an independent reading, eager and streamed."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from typer.testing import CliRunner

from panda_hf import schema
from panda_hf.cli import app
from panda_hf.mini.release_csv import write_release_csv
from tests.release.reading import clips

VIDEOS = 1_000_000
ROWS = 100_000


def independent(path: Path):
    limit = csv.field_size_limit(2**31 - 1)
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                yield from clips(row)
    finally:
        csv.field_size_limit(limit)


@pytest.mark.slow
def test_a_million_videos_are_read_value_for_value(tmp_path: Path) -> None:
    source = write_release_csv(tmp_path / "panda70m_training_full.csv", VIDEOS, seed=7, workers=2)
    words = ["build", "panda-70m", "--csv", str(source), "--out", str(tmp_path / "panda-70m")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "1,000,000 videos read = 1,000,000 written + 0 rejected + 0 opted out" in " ".join(result.output.split())
    streamed = load_dataset(str(tmp_path / "panda-70m"), "full", split="train", streaming=True)
    assert streamed.features == schema.RELEASE_ROW
    batches = streamed.with_format("arrow").iter(ROWS)
    rows, total = independent(source), 0
    for batch in batches:
        expected = pa.Table.from_pylist(list(islice(rows, batch.num_rows)), schema=schema.RELEASE_ROW.arrow_schema)
        assert batch.cast(expected.schema).equals(expected), f"rows differ after row {total}"
        total += batch.num_rows
    assert next(rows, None) is None
    eager = load_dataset(str(tmp_path / "panda-70m"), "full", split="train", cache_dir=str(tmp_path / "cache"))
    files = sorted((tmp_path / "panda-70m" / "full").glob("*.parquet"))
    assert len(eager) == total == sum(pq.read_metadata(path).num_rows for path in files)
    assert eager[total - 1] == pq.read_table(files[-1]).slice(pq.read_metadata(files[-1]).num_rows - 1).to_pylist()[0]
