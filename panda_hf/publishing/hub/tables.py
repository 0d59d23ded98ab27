"""A Parquet file as it is published: no path of this machine, no bytes twice, nobody who opted out."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, Video

from panda_hf.publishing.hub.scrub import Scrub
from panda_hf.rights import OptOut
from panda_hf.stage import Row

IDENTITY = ("video_id", "url", "webpage_url", "channel", "channel_id", "channel_url", "uploader", "uploader_id")
"""Columns by which an opt-out list knows a row."""
TEXTS = ("warning", "filtered", "detail", "path")
"""Columns of text that may name a path."""
CLIP = "clip"
"""The column that is added where each clip has a file of its own: it plays on the Hub."""

Locate = Callable[[Row, str], str | None]
"""Where a row's local video is found once published; ``None``: it is not."""


@dataclass
class Published:
    """What was found while the tables were written anew."""

    rows: dict[str, int] = field(default_factory=dict)
    """By file."""
    opted_out: int = 0
    media: dict[str, Path] = field(default_factory=dict)
    """Files that rows refer to: path in the repository to the file here."""


@dataclass(frozen=True)
class Rewriter:
    """Writes tables as they are published; the same table gives the same bytes."""

    out: Path
    repo_id: str
    scrub: Scrub
    opt_out: OptOut
    locate: Locate
    repeated: frozenset[str]
    """Digests of videos whose bytes stand in several rows: they become files."""
    found: Published

    def needs(self, path: Path) -> bool:
        """Whether a file cannot be published as it is."""
        names = pq.read_schema(path).names
        return (
            bool(self.opt_out)
            or "video" in names
            or "error" in names
            or any(name in names for name in TEXTS + ("clip_path",))
        )

    def write(self, path: Path, target: Path) -> int:
        """Write ``path`` anew as ``target``; the number of rows. A file that keeps no row is not written."""
        rows = 0
        writer: pq.ParquetWriter | None = None
        schema = self._schema(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            for batch in _batches(path):
                table = self._table(batch, schema)
                if table.num_rows:
                    writer = writer or pq.ParquetWriter(target, schema, compression="zstd")
                    writer.write_table(table)
                    rows += table.num_rows
        finally:
            if writer is not None:
                writer.close()
        return rows

    def _schema(self, path: Path) -> pa.Schema:
        held = pq.read_schema(path)
        if "clip_path" not in held.names or CLIP in held.names:
            return held
        features = Features.from_arrow_schema(held)
        return Features({**features, CLIP: Video(decode=False)}).arrow_schema

    def _table(self, table: pa.Table, schema: pa.Schema) -> pa.Table:
        if self.opt_out:
            table = self._without_opted_out(table)
        columns = {name: table[name] for name in table.column_names}
        for name in TEXTS:
            if (
                name in columns
                and pa.types.is_string(table.schema.field(name).type)
                and not (name == "path" and _relative(columns[name]))
            ):
                columns[name] = _mapped(columns[name], lambda text: text and self.scrub(text))
        if "error" in columns:
            columns["error"] = _mapped(columns["error"], self._clean_error)
        if "video" in columns:
            columns["video"] = pa.array(self._videos(table), schema.field("video").type)
        if "clip_path" in columns and CLIP in schema.names:
            columns[CLIP] = pa.array(
                [self._clip(path) for path in columns["clip_path"].to_pylist()], schema.field(CLIP).type
            )
        return pa.table([columns[name] for name in schema.names], schema=schema)

    def _without_opted_out(self, table: pa.Table) -> pa.Table:
        known = [name for name in IDENTITY if name in table.column_names]
        rows = table.select(known).to_pylist()
        keep = [not self.opt_out.names(row) for row in rows]
        self.found.opted_out += len(keep) - sum(keep)
        return table if all(keep) else table.filter(pa.array(keep, pa.bool_()))

    def _clean_error(self, error: Any) -> Any:
        if not isinstance(error, dict) or not isinstance(error.get("message"), str):
            return error
        return {**error, "message": self.scrub(error["message"])}

    def _videos(self, table: pa.Table) -> Iterator[Any]:
        known = [name for name in ("video_id", "clip_id") if name in table.column_names]
        rows = table.select(known).to_pylist() if known else [{}] * table.num_rows
        for row, video in zip(rows, table["video"].to_pylist(), strict=True):
            yield self._video(row, video)

    def _video(self, row: Row, video: Any) -> Any:
        if isinstance(video, str):
            video = {"path": video, "bytes": None}
        if video is None or (video.get("path") is None and video.get("bytes") is None):
            return None
        data, path = video.get("bytes"), video.get("path")
        if data is not None:
            digest = hashlib.sha256(data).hexdigest()
            if digest not in self.repeated:
                return {"path": os.path.basename(path) if path else None, "bytes": data}
            path = self.locate({**row, "digest": digest, "bytes": data}, path or "")
        elif "://" not in path:
            path = self.locate(row, path)
        return None if path is None else {"path": path, "bytes": None}

    def _clip(self, path: str | None) -> Any:
        if path is None:
            return None
        self.found.media[path] = self.out / path
        return {"path": address(self.repo_id, path), "bytes": None}


def address(repo_id: str, path: str) -> str:
    """How a row of a dataset on the Hub refers to a file beside it."""
    return f"hf://datasets/{repo_id}/{path}"


def repeated_videos(files: Sequence[Path]) -> frozenset[str]:
    """Digests of the videos whose bytes stand in more than one row."""
    counts: Counter[str] = Counter()
    for path in files:
        if not _holds_bytes(path):
            continue
        for batch in pq.ParquetFile(path).iter_batches(64, columns=["video"]):
            videos = pa.Table.from_batches([batch])["video"].to_pylist()
            counts.update(hashlib.sha256(v["bytes"]).hexdigest() for v in videos if v and v.get("bytes") is not None)
    return frozenset(digest for digest, count in counts.items() if count > 1)


def _holds_bytes(path: Path) -> bool:
    field = pq.read_schema(path)
    index = field.get_field_index("video")
    return index >= 0 and pa.types.is_struct(field.field(index).type)


def _batches(path: Path) -> Iterator[pa.Table]:
    rows = 64 if _holds_bytes(path) else 8_192
    for batch in pq.ParquetFile(path).iter_batches(rows):
        yield pa.Table.from_batches([batch])


def _mapped(column: pa.ChunkedArray, function: Callable[[Any], Any]) -> pa.Array:
    return pa.array([function(value) for value in column.to_pylist()], column.type)


def _relative(column: pa.ChunkedArray) -> bool:
    return not any(value and os.path.isabs(value) for value in column.to_pylist())
