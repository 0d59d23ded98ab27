"""Read what a run left in its output folder: the manifest, the rows of every split, the thumbnails."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from panda_hf import schema
from panda_hf.errors import OutputError
from panda_hf.publishing.record import RunRecord
from panda_hf.publishing.tally import Tally
from panda_hf.stage import Row

SPLITS = {"kept": "train", "filtered": "filtered", "failed": "failed"}
"""Status of a clip row to the split of the configuration ``clips`` that holds it."""
MANIFEST = "manifest.jsonl"
_SMALL_COLUMNS = {*schema.CLIP_ROW, *schema.SELECT_COLUMNS, "clip_path"} - {"video"}
_ROWS = 256


@dataclass(frozen=True)
class OutputFolder:
    """The output folder of a run, read lazily: memory does not grow with its size."""

    path: Path

    @classmethod
    def open(cls, path: str | Path) -> OutputFolder:
        """The folder at ``path``.

        Raises:
            OutputError: when it is not the output of a run.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise OutputError(f"{folder} is not a folder; give the folder that `panda-hf curate --out` made")
        if not any(folder.glob("videos/**/*.parquet")):
            raise OutputError(
                f"{folder} is not the output of a finished run: it has no videos/*.parquet. "
                f"Give the folder that `panda-hf curate --out` made, or run that command again to finish it."
            )
        return cls(folder)

    def files(self, split: str) -> list[Path]:
        """The Parquet files of a split of ``clips``."""
        return sorted((self.path / "clips" / split).glob("*.parquet"))

    def clips(self, status: str) -> Iterator[Row]:
        """Rows of one status, without video bytes and frames."""
        for file in self.files(SPLITS[status]):
            yield from _rows(file, _SMALL_COLUMNS)

    def videos(self) -> Iterator[Row]:
        """Rows of the configuration ``videos``, one per input video."""
        for file in sorted(self.path.glob("videos/**/*.parquet")):
            yield from _rows(file, None)

    def record(self) -> RunRecord:
        """What the manifest says about the run."""
        return RunRecord.read(self.path / MANIFEST)

    def stamp(self) -> str:
        """Sixteen digits that change whenever the run, which its manifest describes to the hash of each file, does."""
        manifest = self.path / MANIFEST
        return hashlib.sha256(manifest.read_bytes() if manifest.is_file() else b"").hexdigest()[:16]

    def tally(self) -> Tally:
        """Count everything, reading each row once."""
        tally = Tally()
        tally.add_videos(self.videos())
        for status in SPLITS:
            tally.add_clips(status, self.clips(status))
        return tally


def _rows(file: Path, wanted: set[str] | None) -> Iterator[Row]:
    parquet = pq.ParquetFile(file)
    columns = (
        parquet.schema_arrow.names
        if wanted is None
        else [c for c in wanted if c.split(".")[0] in parquet.schema_arrow.names]
    )
    for batch in parquet.iter_batches(batch_size=_ROWS, columns=columns):
        yield from batch.to_pylist()
