"""A dataset of captioned clips, opened to be searched: its light columns in memory, its videos only when played."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa

from panda_hf.annotation.media import Media
from panda_hf.annotation.tables import Place, Tables
from panda_hf.annotation.tasks import MEDIA
from panda_hf.errors import PandaError, SourceError
from panda_hf.stage import Row

COLUMNS = ("clip_id", "video_id", "start", "end", "caption", "caption_teacher", "matching_score", "candidates")
NEEDED = ("clip_id", "caption")


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which clips are wanted; ``None`` and empty: all."""

    words: str = ""
    """All of them must stand in the caption, upper or lower case."""
    teachers: tuple[str, ...] = ()
    min_score: float | None = None
    max_score: float | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None

    def keeps(self, row: Row) -> bool:
        """Whether a clip is wanted; what is not known of it keeps it out where it is asked for."""
        caption = (row.get("caption") or "").casefold()
        return (
            all(word in caption for word in self.words.casefold().split())
            and (not self.teachers or row.get("caption_teacher") in self.teachers)
            and _within(row.get("matching_score"), self.min_score, self.max_score)
            and _within(seconds_of(row), self.min_seconds, self.max_seconds)
        )


@dataclass
class Collection:
    """An open dataset.

    Example::

        clips = Collection.open("panda-out", max_rows=20_000)
        rows = clips.search(Filter(words="red ball", min_score=0.5))
    """

    tables: Tables
    rows: list[Row]
    total: int
    """Rows of the split; more than ``len(rows)`` where only the first are looked at."""
    config: str | None
    split: str
    label: str | None = None
    """What it is called instead of its path."""
    address: str | None = None
    """Under what name a program loads it; ``None``: no program of the visitor's can."""
    _places: dict[str, Place] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        dataset: str,
        config: str | None = None,
        split: str = "train",
        *,
        max_rows: int,
        label: str | None = None,
        address: str | None = None,
    ) -> Collection:
        """The clips of a folder that ``curate`` made, or of a dataset of the Hub.

        Args:
            dataset: a folder or a Hub id.
            config: ``None``: the one that ``load_dataset(dataset)`` loads.
            split: such as ``train``.
            max_rows: of these are the first looked at.
            label: what it is called instead of its path.
            address: see the field.

        Raises:
            SourceError: when there is no such dataset, or it holds no captioned clips.
        """
        tables = Tables.find(dataset, config, split)
        found = cls(tables, [], 0, config, split, label, address)
        for number, group, table, _ in tables.groups(COLUMNS):
            found._add(number, group, table, max_rows)
        if not found.rows:
            raise SourceError(f"{dataset} has no rows in the split {split!r}")
        return found

    @property
    def name(self) -> str:
        """What it is called: a Hub id, or the last part of a folder's path."""
        return self.label or (Path(self.tables.dataset).name if self.tables.is_local else self.tables.dataset)

    @property
    def teachers(self) -> list[tuple[str, int]]:
        """Whose captions were chosen, and how often; the most frequent first."""
        return Counter(row["caption_teacher"] for row in self.rows if row.get("caption_teacher")).most_common()

    def search(self, wanted: Filter) -> list[Row]:
        """The rows that a filter keeps, in their order."""
        return [row for row in self.rows if wanted.keeps(row)]

    def media(self, row: Row) -> Row:
        """The columns that say where a clip's pictures are, and the clip's name."""
        found = self.tables.row(self._places[row["clip_id"]], MEDIA)
        return {**dict.fromkeys(MEDIA), **found, "clip_id": row["clip_id"]}

    def link(self, row: Row) -> str | None:
        """The row on the Hub; ``None`` for a folder of this machine."""
        if self.tables.is_local:
            return None
        where = f"{quote(self.tables.config)}/{quote(self.split)}"
        return f"{hub_address(self.tables.dataset)}/viewer/{where}?row={row['row']}"

    def code(self, row: Row) -> str | None:
        """How a program of the visitor's gets at a row; ``None``: it cannot."""
        if self.address is None:
            return None
        more = f", {self.config!r}" if self.config else ""
        return f"load_dataset({self.address!r}{more}, split={self.split!r})[{row['row']}]"

    def _add(self, number: int, group: int, table: pa.Table, max_rows: int) -> None:
        missing = [name for name in NEEDED if name not in table.column_names]
        if missing:
            raise SourceError(
                f"{self.tables.dataset} lacks the column(s) {missing}; captioned clips, as `panda-hf curate` makes "
                f"them, have clip_id, caption, start, end, matching_score"
            )
        wanted = table.slice(0, max(0, max_rows - len(self.rows)))
        for i, row in enumerate(wanted.to_pylist()):
            if row["clip_id"]:
                self._places.setdefault(row["clip_id"], (number, group, i))
            self.rows.append({**row, "row": self.total + i})
        self.total += table.num_rows


def hub_address(dataset: str) -> str:
    """The page of a dataset on the Hub that this machine talks to."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/datasets/{quote(dataset)}"


def require_public(dataset: str) -> None:
    """Refuse what only the owner of this page may see: the page may hold a token, its visitors need not.

    Raises:
        SourceError: when the dataset is not there, private or gated.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if Path(dataset).exists() or dataset.count("/") > 1 or "://" in dataset:
        raise SourceError(f"{dataset!r} is no id of the Hub; this page opens datasets of the Hub: user/name")
    try:
        info = HfApi(token=False).dataset_info(dataset)
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        raise SourceError(
            f"There is no public dataset {dataset!r} on the Hub, or the Hub cannot be reached."
        ) from error
    if info.private or info.gated:
        raise SourceError(f"{dataset} is not open to everybody; run `panda-hf space` on your own machine for it.")


def seconds_of(row: Row) -> float | None:
    """How long a clip is."""
    start, end = row.get("start"), row.get("end")
    return None if start is None or end is None else end - start


def numbers(values: Iterable[float | None]) -> list[float]:
    """Those that are numbers."""
    return [value for value in values if value is not None and math.isfinite(value)]


@dataclass(frozen=True)
class _One:
    """A single clip, as :class:`Media` asks for it."""

    tables: Tables
    row: Row

    def media(self, clip_id: str) -> Row:
        return self.row


def clip_file(tables: Tables, row: Row, folder: str) -> str | None:
    """A clip as a file that a browser plays; ``None`` where its pictures cannot be found or read.

    Asked for in a process apart: the pictures of a dataset of the Hub are a stranger's.

    Args:
        tables: of the dataset.
        row: from :meth:`Collection.media`.
        folder: where the file goes.
    """
    try:
        return str(Media(_One(tables, row), folder).file(row["clip_id"]))
    except (PandaError, OSError):
        return None


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)
