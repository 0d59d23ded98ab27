"""What a visitor takes along: the split video as a dataset repository, by the same `curate` that everybody runs."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

from panda_hf import schema
from panda_hf.captioning import Caption
from panda_hf.errors import HubError
from panda_hf.pipeline import Step
from panda_hf.publishing.hub import PushSummary, push
from panda_hf.publishing.hub.prepare import file_sha256
from panda_hf.publishing.hub.remote import Repository
from panda_hf.publishing.hub.scrub import Scrub
from panda_hf.publishing.output import MANIFEST
from panda_hf.publishing.report import write_report
from panda_hf.running import curate
from panda_hf.schema import caption_column
from panda_hf.selection import Select
from panda_hf.showing.cast import MODELS, Cast
from panda_hf.showing.long_video import Long, require_clips
from panda_hf.splitting import Split, SplitSettings
from panda_hf.stage import Batch, Row

UNPACKED = "dataset"
"""What the zip is called, and the folder into which visitors are told to unpack it."""
_KNOWN: Any = dataclasses.field(default_factory=dict, compare=False, repr=False, metadata={"recorded": False})


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownSplit(Split):
    """``Split`` of a video that was scanned already."""

    known: Mapping[str, Any] = _KNOWN
    """The columns of the one video."""

    @property
    def name(self) -> str:
        """As the stage it stands for."""
        return "Split"

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """What is known, as often as it is asked for."""
        return {column: [self.known[column]] * len(batch["video"]) for column in self.appends}


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownCaption(Caption):
    """``Caption`` that asks its model only for clips that have no caption yet."""

    known: Mapping[str, Row] = _KNOWN
    """Columns by ``clip_id``."""

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """What is known, else what the teacher writes, in turn with others who use the models."""
        columns = list(self.appends)
        live = [i for i, clip_id in enumerate(batch["clip_id"]) if clip_id not in self.known]
        if live:
            with MODELS.turn():
                new = super().transform({name: [values[i] for i in live] for name, values in batch.items()}, rank)
        out: Batch = {column: [] for column in columns}
        for i, clip_id in enumerate(batch["clip_id"]):
            for column in columns:
                value = new[column][live.index(i)] if i in live else self.known[clip_id][column]
                out[column].append(value)
        return out


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectInTurn(Select):
    """``Select`` in turn with others who use the models."""

    @property
    def name(self) -> str:
        """As the stage it stands for."""
        return "Select"

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """As ``Select``."""
        with MODELS.turn():
            return super().transform(batch, rank)


def write_repository(long: Long, settings: SplitSettings, cast: Cast, out: Path, license: str | None) -> Path:
    """Write the clips as a dataset repository: Parquet, card, report, each clip as mp4.

    What was found for the page is used again; only the clips are cut.

    Raises:
        VideoError: when no clip is left.
    """
    require_clips(long.clips(settings))
    out.parent.mkdir(parents=True, exist_ok=True)
    source = Dataset.from_list([long.input_row()], features=schema.VIDEO_ROW)
    curate(
        source,
        out,
        steps=_known_steps(long, settings, cast),
        num_workers=0,
        videos_per_shard=1,
        export_clips=True,
        license=license,
        progress=False,
    )
    forget_paths(out, long.film.name)
    write_report(out)
    return out


def write_zip(folder: Path) -> Path:
    """The repository as one file beside it, ``dataset.zip``."""
    target = folder.with_name(f"{UNPACKED}.zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") for part in name.parts):
                archive.write(path, name.as_posix())
    return target


def forget_paths(out: Path, name: str) -> None:
    """Take the paths of this machine out of a repository: its rows then refer to the video by its name."""
    manifest = out / MANIFEST
    scrub = Scrub.of(out, out.parent)
    text = manifest.read_text(encoding="utf-8")
    for path in out.rglob("*.parquet"):
        table, before = pq.read_table(path), file_sha256(path)
        if "video" in table.column_names:
            column = pa.array([{"path": name, "bytes": None}] * len(table), table.schema.field("video").type)
            table = table.set_column(table.column_names.index("video"), table.schema.field("video"), column)
            pq.write_table(table, path)
        text = text.replace(before, file_sha256(path))
    manifest.write_text(scrub(text), encoding="utf-8")


def check_push(repo_id: str, token: str, license: str | None, *, private: bool) -> None:
    """Refuse before any work what would be refused after it.

    Raises:
        HubError: without a token or the name of a repository, or when it would be public without a licence.
    """
    token = _given_token(token)
    try:
        Repository(repo_id.strip(), token)
    except HubError as error:
        raise HubError(str(error).replace(token, "(token)")) from None
    if not private and not license:
        raise HubError("Choose the licence of the footage first, or tick “Private”: what is public needs one.")


def push_repository(
    folder: Path, repo_id: str, token: str, *, private: bool, pause_seconds: float | None = None
) -> PushSummary:
    """Publish a repository under the visitor's name, by the visitor's token, which is kept nowhere.

    Raises:
        HubError: without a token (that of the machine is never used), or when the Hub refuses.
    """
    token = _given_token(token)
    more: dict[str, Any] = {} if pause_seconds is None else {"pause_seconds": pause_seconds}
    try:
        return push(folder, repo_id.strip(), token=token, private=private, **more)
    except Exception as error:  # no message may hold the token
        raise HubError(str(error).replace(token, "(token)")) from None


def _given_token(token: str) -> str:
    token = token.strip()
    if not token:
        raise HubError("Give a token of yours with write access: huggingface.co/settings/tokens. It is not kept.")
    return token


def _known_steps(long: Long, settings: SplitSettings, cast: Cast) -> list[Step]:
    rows = {row["clip_id"]: row for row in long.clips(settings) if not row.get("problem")}
    return [_known(step, long, settings, rows) for step in cast.steps(settings)]


def _known(step: Step, long: Long, settings: SplitSettings, rows: Mapping[str, Row]) -> Step:
    if isinstance(step, Split):
        return KnownSplit(**_fields(step), known=long.stitched(settings))
    if isinstance(step, Caption):
        column = caption_column(step.teacher)
        captioned = {clip_id: row for clip_id, row in rows.items() if column in row}
        return KnownCaption(**_fields(step), known=_alone(step, captioned))
    if isinstance(step, Select):
        return SelectInTurn(**_fields(step))
    return step


def _alone(step: Caption, rows: Mapping[str, Row]) -> dict[str, Row]:
    """The columns of one teacher; the notes on failures, which all teachers share, come with the last of them."""
    return {clip_id: {column: row.get(column) for column in step.appends} for clip_id, row in rows.items()}


def _fields(stage: Any) -> dict[str, Any]:
    return {field.name: getattr(stage, field.name) for field in dataclasses.fields(stage)}
