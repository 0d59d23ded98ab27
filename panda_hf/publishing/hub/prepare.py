"""What of a folder is published: data as others may read it, a card, provenance. Written to a folder beside it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from panda_hf import __version__
from panda_hf.errors import OutputError
from panda_hf.publishing.card import FOOTAGE_LICENSE
from panda_hf.publishing.card_parts import config_names, front_matter, read_text, unsealed
from panda_hf.publishing.hub.published_card import Shown, patterns, published_card
from panda_hf.publishing.hub.scrub import Scrub
from panda_hf.publishing.hub.tables import Published, Rewriter, address, repeated_videos
from panda_hf.rights import OptOut
from panda_hf.stage import Row

CARD, PROVENANCE = "README.md", "provenance.json"
SOURCES = "videos_media"
"""Folder of the repository for long videos, each there once."""
_UNKNOWN = (None, "unknown")
_RECORDS = ("build.json", "availability.json")


@dataclass
class Prepared:
    """Files to publish, by their path in the repository."""

    files: dict[str, Path] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    """Of the Parquet files."""
    digests: dict[str, str] = field(default_factory=dict)
    """SHA-256 by file."""
    opted_out: int = 0
    license_known: bool = False


def prepare(
    out: Path,
    staging: Path,
    repo_id: str,
    *,
    with_videos: bool = False,
    opt_out: OptOut | None = None,
    configs: Collection[str] | None = None,
) -> Prepared:
    """Write what is published into ``staging``, and list it with what is published as it is.

    Tables that name paths of this machine, hold the bytes of one video in several rows, or hold somebody who opted
    out, are written anew; the same folder always gives the same files. A long video is published only when asked,
    and then once, however many clips refer to it; otherwise rows refer to none.

    Args:
        out: a dataset folder of any command of this package, or any folder with a card and Parquet files.
        staging: an empty folder.
        repo_id: where it will be, for references to files beside the tables.
        with_videos: publish the long videos too.
        opt_out: whose rows and files are left out.
        configs: only these configurations of the card; ``None`` for all.

    Raises:
        OutputError: the folder has no card or no data, a configuration is not there, or a row refers to a file that
            is gone.
    """
    card = _card(out)
    names = _chosen(card, configs)
    tables = _tables(out, card, names)
    listed, found = opt_out or OptOut(), Published()
    videos = _Videos(out, repo_id, staging, with_videos, found)
    rewriter = Rewriter(
        out, repo_id, Scrub.of(out, *_source_folders(out)), listed, videos.locate, repeated_videos(tables), found
    )
    prepared = Prepared()
    for path in tables:
        name = path.relative_to(out).as_posix()
        rows = pq.read_metadata(path).num_rows
        if rewriter.needs(path):
            rows = rewriter.write(path, staging / name)
            path = staging / name
        if rows:
            prepared.files[name], prepared.rows[name] = path, rows
    _check_media(found.media, out)
    prepared.files.update(found.media)
    prepared.opted_out = found.opted_out
    chosen = names if configs is not None else None
    shown = Shown(out, repo_id, prepared.files, prepared.rows, prepared.opted_out, chosen)
    text = published_card(card, shown, rewriter.scrub)
    prepared.license_known = _license_known(text, has_footage=bool(found.media))
    (staging / CARD).write_text(text, encoding="utf-8")
    prepared.files[CARD] = staging / CARD
    prepared.digests = {name: file_sha256(path) for name, path in prepared.files.items()}
    _write_provenance(out, staging, prepared, rewriter.scrub, listed)
    return prepared


@dataclass
class _Videos:
    """Where local videos are found once they are published."""

    out: Path
    repo_id: str
    staging: Path
    wanted: bool
    found: Published
    by_source: dict[str, str] = field(default_factory=dict)

    def locate(self, row: Row, path: str) -> str | None:
        if not self.wanted:
            return None
        source = str(row.get("digest") or os.path.join(self.out, path))
        if source not in self.by_source:
            self.by_source[source] = self._placed(row, path, source)
        return address(self.repo_id, self.by_source[source])

    def _placed(self, row: Row, path: str, source: str) -> str:
        suffix = os.path.splitext(path)[1] or ".mp4"
        stem = re.sub(r"[^\w.=+-]", "_", str(row.get("video_id") or row.get("digest") or Path(path).stem))[:100]
        name = f"{SOURCES}/{stem}{suffix}"
        taken = set(self.by_source.values())
        number = 2
        while name in taken:
            name, number = f"{SOURCES}/{stem}-{number}{suffix}", number + 1
        if "bytes" in row:
            target = self.staging / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(row["bytes"])
            self.found.media[name] = target
        else:
            self.found.media[name] = Path(source)
        return name


def _card(out: Path) -> str:
    if not out.is_dir():
        raise OutputError(f"{out} is not a folder; give the folder of a dataset")
    if not (out / CARD).is_file():
        raise OutputError(f"{out} has no card (README.md): is it the finished output of a command? Run it to its end")
    try:
        return read_text(out / CARD)
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"the card {out / CARD} cannot be read: {error}") from error


def _chosen(card: str, configs: Collection[str] | None) -> list[str]:
    try:
        known = config_names(unsealed(card)[0])
    except ValueError as error:
        raise OutputError(f"the card's front matter cannot be read: {error}; mend it by hand") from error
    missing = [name for name in configs or () if name not in known]
    if missing:
        raise OutputError(f"no configuration is called {missing[0]!r}; the card has {known}")
    return [name for name in known if configs is None or name in configs]


def _tables(out: Path, card: str, configs: list[str]) -> list[Path]:
    """The Parquet files of the configurations; of a card without any, all there are."""
    found: set[Path] = set()
    for config in front_matter(unsealed(card)[0]).get("configs") or []:
        if config.get("config_name") in configs:
            for pattern in patterns(config.get("data_files")):
                found |= {path for path in out.glob(pattern) if path.suffix == ".parquet"}
    if not configs:
        found = {path for path in out.rglob("*.parquet") if not _hidden(path.relative_to(out))}
    if not found:
        raise OutputError(f"{out} holds no Parquet file that its card names; is it the finished output of a command?")
    return sorted(found)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _source_folders(out: Path) -> list[str]:
    """Folders that a record of the run names."""
    manifest = out / "manifest.jsonl"
    try:
        source = json.loads(manifest.open(encoding="utf-8").readline()).get("source") if manifest.is_file() else None
    except (OSError, ValueError):
        return []
    return [source, os.path.dirname(source)] if isinstance(source, str) and os.path.isabs(source) else []


def _check_media(media: dict[str, Path], out: Path) -> None:
    gone = [name for name, path in media.items() if not path.is_file()]
    if gone:
        raise OutputError(
            f"{len(gone):,} file(s) that rows of {out} refer to are gone, such as {gone[0]}; bring them back, or make "
            f"the dataset again"
        )


def _write_provenance(out: Path, staging: Path, prepared: Prepared, scrub: Scrub, opt_out: OptOut) -> None:
    """Provenance: what the folder's own records say, without paths, and the counts as published."""
    records: dict[str, Any] = {}
    for name in _RECORDS:
        if (out / name).is_file():
            records[name] = json.loads((out / name).read_text(encoding="utf-8"))
    for path in sorted(out.glob("subsets/*/subset.json")):
        records[path.relative_to(out).as_posix()] = json.loads(path.read_text(encoding="utf-8"))
    manifest = out / "manifest.jsonl"
    if manifest.is_file():
        with manifest.open(encoding="utf-8") as lines:
            head = json.loads(lines.readline())
            changes = [json.loads(line) for line in lines if line.startswith('{"record": "change"')]
        records["run"] = {
            name: head.get(name) for name in ("steps", "settings", "settings_hash", "versions", "started", "source")
        }
        if changes:
            records["run"]["steps"] = changes[-1]["steps"]
            records["changes"] = [{k: v for k, v in change.items() if k not in ("id", "steps")} for change in changes]
    provenance = {
        "made_by": "panda_hf",
        "version": __version__,
        "rows": prepared.rows,
        "files": {
            n: {"bytes": path.stat().st_size, "sha256": prepared.digests[n]} for n, path in prepared.files.items()
        },
        "opt_outs_honoured": prepared.opted_out,
        "opt_out_digest": opt_out.digest if opt_out else None,
        "records": _scrubbed(records, scrub),
    }
    path = staging / PROVENANCE
    path.write_text(json.dumps(provenance, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    prepared.files[PROVENANCE], prepared.digests[PROVENANCE] = path, file_sha256(path)


def file_sha256(path: Path) -> str:
    """The digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _scrubbed(value: Any, scrub: Scrub) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {name: _scrubbed(one, scrub) for name, one in value.items()}
    return [_scrubbed(one, scrub) for one in value] if isinstance(value, list) else value


def _license_known(text: str, *, has_footage: bool) -> bool:
    """Whether the card states a licence, and one of the footage where that has its own and is published."""
    front = front_matter(unsealed(text)[0])
    known = front.get("license") not in _UNKNOWN
    return known and not (has_footage and front.get(FOOTAGE_LICENSE, "stated") in _UNKNOWN)
