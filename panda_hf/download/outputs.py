"""What a download leaves: Parquet of videos, clips and states, a card, a report; written anew at each end of a run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from datasets import Features, List, Value
from jinja2 import Environment, StrictUndefined

from panda_hf import __version__, schema
from panda_hf.clips import spoken_between
from panda_hf.download.availability import NOT_TRIED, Availability
from panda_hf.download.journal import Journal
from panda_hf.download.plan import Planned
from panda_hf.download.terms import terms_of
from panda_hf.publishing import wording
from panda_hf.publishing.card import FOOTAGE_LICENSE, size_category
from panda_hf.publishing.card_parts import edited, seal, write_text
from panda_hf.stage import Row

CARD, NEW_CARD, REPORT = "README.md", "README.new.md", "availability.json"
_ROWS = 1_000
_FOOTER_BYTES = 1 << 16

VIDEOS = Features(
    {
        **schema.VIDEO_ROW,
        "url": Value("string"),
        "channel": Value("string"),
        "channel_id": Value("string"),
        "uploader": Value("string"),
        "duration": Value("float64"),
        "width": Value("int32"),
        "height": Value("int32"),
        "language": Value("string"),
        "upload_date": Value("string"),
        "categories": List(Value("string")),
        "tags": List(Value("string")),
        "license": Value("string"),
        "subtitle_kind": Value("string"),
    }
)
"""A video that is there."""

STATUS = Features(
    {
        "video_id": Value("string"),
        "url": Value("string"),
        "reason": Value("string"),
        "detail": Value("string"),
        "http_status": Value("int32"),
        "attempts": Value("int32"),
        "bytes": Value("int64"),
        "seconds": Value("float64"),
        "path": Value("string"),
        "duration": Value("float64"),
        "width": Value("int32"),
        "height": Value("int32"),
        "clips_wanted": Value("int32"),
        "clips_made": Value("int32"),
        "asked_height": Value("int32"),
        "asked_audio": Value("bool"),
        "updated": Value("string"),
    }
)
"""What became of each video that was wanted."""

_CLIP_EXTRA = {
    "title": Value("string"),
    "description": Value("string"),
    "subtitle": Value("string"),
    "clip_path": Value("string"),
    "warning": Value("string"),
    "error": schema.ERROR,
}
_RELEASED = tuple(schema.RELEASE_ROW)


def write_outputs(out: Path, plan: Iterable[Planned], journal: Journal, head: Row, limited: bool) -> Availability:
    """Write tables, report and card from the journal, in the order of the plan.

    A clip that could not be had stays a row, in the split ``failed``, with its own id, caption and error: no clip
    ever takes another one's place.

    Returns:
        The account; ``wanted = ok + every reason + not tried``.
    """
    found = Availability(limited=limited)
    tables = _Tables(out, bool(head["clips"]))
    for planned in plan:
        entry = journal.get(planned.video_id)
        seconds = sum(clip["end"] - clip["start"] for clip in planned.clips)
        reason = entry["reason"] if entry else NOT_TRIED
        found.add(reason, len(planned.clips), seconds)
        tables.add(planned, entry, reason, found)
    made = tables.finish()
    terms = terms_of(head["source"], out)
    source = Path(head["source"])
    head = {**head, "source": source.name if source.exists() else head["source"]}  # no path of this machine
    write_text(out / REPORT, json.dumps({**head, **found.as_dict()}, indent=2, ensure_ascii=False) + "\n")
    _write_card(out, made, found, head, terms)
    return found


class _Tables:
    """The Parquet files, written aside and moved in at the end."""

    def __init__(self, out: Path, clips: bool) -> None:
        self.out = out
        self.new = out / ".tables"
        shutil.rmtree(self.new, ignore_errors=True)
        self.new.mkdir()
        self.clips = clips
        self.writers: dict[str, _Writer] = {}

    def add(self, planned: Planned, entry: Row | None, reason: str, found: Availability) -> None:
        made = (entry or {}).get("clips") or []
        self._writer("status/train", STATUS).add(_status(planned, entry, reason, made))
        if entry and reason == "ok" and entry.get("path"):
            self._writer("videos/train", VIDEOS).add(_video(planned, entry))
            found.whole += 1
        found.bytes += (entry or {}).get("bytes") or 0 if reason == "ok" else 0
        if self.clips:
            planned_ends = {clip["clip_id"]: clip["end"] for clip in planned.clips}
            for row in _clips(planned, entry, reason, made):
                there = row["error"] is None
                found.clips_made += there
                found.clips_failed += not there and reason == "ok"
                found.clips_short += row["end"] != planned_ends[row["clip_id"]]
                self._writer(f"clips/{'train' if there else 'failed'}", _clip_features()).add(row)

    def finish(self) -> list[str]:
        """Move the files in, the old ones away; which there are."""
        for writer in self.writers.values():
            writer.close()
        for name in ("status", "videos", "clips"):
            place, new = self.out / name, self.new / name
            if place.exists():
                os.replace(place, self.new / f"old-{name}")
            if new.exists():
                os.replace(new, place)
        shutil.rmtree(self.new, ignore_errors=True)
        return sorted(self.writers)

    def _writer(self, name: str, features: Features) -> _Writer:
        if name not in self.writers:
            self.writers[name] = _Writer(self.new / f"{name}-00000-of-00001.parquet", features)
        return self.writers[name]


class _Writer:
    """One Parquet file, written some rows at a time."""

    def __init__(self, path: Path, features: Features) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.schema = features.arrow_schema
        self.file = pq.ParquetWriter(path, self.schema, compression="zstd")
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        self.rows.append(row)
        if len(self.rows) >= _ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self.file.close()

    def _flush(self) -> None:
        if self.rows:
            self.file.write_table(pa.Table.from_pylist(self.rows, schema=self.schema))
            self.rows = []


def _status(planned: Planned, entry: Row | None, reason: str, made: list[Row]) -> Row:
    known, info = entry or {}, (entry or {}).get("info") or {}
    return {
        "video_id": planned.video_id,
        "url": planned.url,
        "reason": reason,
        **{name: known.get(name) for name in ("detail", "http_status", "attempts", "bytes", "seconds", "path")},
        **{name: known.get(name) for name in ("asked_height", "asked_audio", "updated")},
        **{name: info.get(name) for name in ("duration", "width", "height")},
        "clips_wanted": len(planned.clips),
        "clips_made": sum(clip["error"] is None for clip in made),
    }


def _video(planned: Planned, entry: Row) -> Row:
    info = entry.get("info") or {}
    extra = [name for name in VIDEOS if name not in schema.VIDEO_ROW and name not in ("url", "subtitle_kind")]
    return {
        "video_id": planned.video_id,
        "video": {"path": entry["path"], "bytes": None},
        "title": info.get("title"),
        "description": info.get("description"),
        "subtitles": entry.get("subtitles"),
        "url": planned.url,
        "subtitle_kind": entry.get("subtitle_kind"),
        **{name: info.get(name) for name in extra},
    }


def _clips(planned: Planned, entry: Row | None, reason: str, made: list[Row]) -> Iterator[Row]:
    info, cues = (entry or {}).get("info") or {}, (entry or {}).get("subtitles") or []
    lost = {"clip_path": None, "error": _lost(entry, reason)}
    by_id = {result["clip_id"]: result for result in made} if reason == "ok" else {}
    for clip in planned.clips:
        result = by_id.get(clip["clip_id"], lost)
        end = result.get("end") or clip["end"]
        yield {
            **{name: clip.get(name) for name in _RELEASED},
            "clip_id": clip["clip_id"],
            "video_id": planned.video_id,
            "url": planned.url,
            "title": info.get("title"),
            "description": info.get("description"),
            "subtitle": spoken_between(cues, clip["start"], end) if cues else None,
            "warning": None,
            **result,
            "end": end,
        }


def _lost(entry: Row | None, reason: str) -> Row:
    if reason == "ok":
        message = "this clip was not cut; run the same command again, with --clips"
        return {"stage": "cut", "type": "NotMade", "message": message}
    return {"stage": "download", "type": reason, "message": (entry or {}).get("detail") or f"the video is {reason}"}


def _clip_features() -> Features:
    return Features({**schema.RELEASE_ROW, **_CLIP_EXTRA})


def _write_card(out: Path, made: list[str], found: Availability, head: Row, terms: Row) -> None:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters.update(code=wording.code, markdown=wording.markdown, number="{:,}".format)
    template = (files("panda_hf.download") / "card.md.j2").read_text(encoding="utf-8")
    body = environment.from_string(template).render(
        name=out.resolve().name, found=found, head=head, made=made, terms=terms, version=__version__
    )
    front = yaml.safe_dump(_front_matter(out, made, found, terms), sort_keys=False, allow_unicode=True)
    text = f"---\n{front}---\n\n{body}"
    path = out / (NEW_CARD if edited(out / CARD) else CARD)
    write_text(path, text + seal(text))


def _digest(out: Path, made: list[str]) -> str:
    """Sixteen digits of a hash of the footers of the tables: datasets caches by the card, not by what files hold."""
    digest = hashlib.sha256()
    for path in sorted(path for name in made for path in out.glob(f"{name}-*.parquet")):
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - _FOOTER_BYTES))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def _front_matter(out: Path, made: list[str], found: Availability, terms: Row) -> dict[str, Any]:
    configs: dict[str, list[str]] = {}
    for name in made:
        configs.setdefault(name.split("/")[0], []).append(name.split("/")[1])
    order = [name for name in ("videos", "clips", "status") if name in configs]
    stamp = f"{found.equation()}; tables {_digest(out, made)}"
    return {
        "pretty_name": wording.clean(out.resolve().name, 100),
        **terms,
        FOOTAGE_LICENSE: "unknown",
        "task_categories": ["video-text-to-text", "text-to-video"],
        "tags": ["video", "panda_hf"],
        "size_categories": [size_category(found.videos["ok"])],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if number == 0 else {}),
                "description": stamp,
                "data_files": [
                    {"split": split, "path": f"{name}/{split}-*.parquet"}
                    for split in sorted(configs[name], reverse=True)
                ],
            }
            for number, name in enumerate(order)
        ],
    }
