"""What to download: the videos of a dataset or a list, each with the clips that are wanted of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from panda_hf.download.lists import LISTS, TABLES, read_file, read_ids
from panda_hf.download.rows import Planned, id_of, planned_of
from panda_hf.errors import PandaError, SourceError
from panda_hf.running.tables import undecoded
from panda_hf.schema import RELEASE_ROW
from panda_hf.stage import Row, features_of

__all__ = ["Plan", "Planned", "read_ids"]

_COLUMNS = frozenset({*RELEASE_ROW, "videoID", "id", "timestamp"})
_PARQUET = ".parquet"


@dataclass(frozen=True)
class Plan:
    """Where the videos are listed. Iterating reads the list anew, in its order."""

    source: str
    config: str | None = None
    split: str | None = None
    ids: frozenset[str] | None = None
    """Only these; ``None`` for all."""
    limit: int | None = None
    """Only so many, from the start."""

    def __iter__(self) -> Iterator[Planned]:
        """The videos.

        Raises:
            SourceError: the source cannot be read, or names a video at two places.
        """
        taken: set[str] = set()
        for planned in self._all():
            if self.ids is not None and planned.video_id not in self.ids:
                continue
            if self.limit is not None and len(taken) >= self.limit:
                return
            if planned.video_id in taken:
                raise SourceError(
                    f"{self.source} names the video {planned.video_id!r} at two places; sort it by video, so that all "
                    f"clips of a video stand together"
                )
            taken.add(planned.video_id)
            yield planned

    def expected(self) -> int | None:
        """How many videos at most, where that is known without reading a dataset to its end."""
        limits = [self.limit, None if self.ids is None else len(self.ids)]
        if self._is_file():
            limits.append(len(read_file(Path(self.source))[0]))
        return min((limit for limit in limits if limit is not None), default=None)

    def problems(self) -> list[str]:
        """Lines of a list or table that name no video, each with its number and the cause; they are left out.

        Raises:
            SourceError: the file is not there, or none of its lines can be used.
        """
        self._check_there()
        return read_file(Path(self.source))[1] if self._is_file() else []

    def _is_file(self) -> bool:
        return Path(self.source).suffix.casefold() in (*LISTS, *TABLES) and Path(self.source).is_file()

    def _all(self) -> Iterator[Planned]:
        if self._is_file():
            return iter(read_file(Path(self.source))[0])
        self._check_there()
        return _grouped(_streamed(self.source, self.config, self.split))

    def _check_there(self) -> None:
        """Nobody asks the Hub for a dataset that is called as a file is."""
        suffix = Path(self.source).suffix.casefold()
        if suffix in (*LISTS, *TABLES, _PARQUET) and "://" not in self.source and not Path(self.source).exists():
            raise SourceError(f"there is no file {self.source}; give a list, a table, or a dataset")


def _streamed(source: str, config: str | None, split: str | None) -> Iterator[Row]:
    import datasets

    try:
        if source.casefold().endswith(_PARQUET):
            loaded = datasets.load_dataset("parquet", data_files=source, streaming=True)
        else:
            loaded = datasets.load_dataset(source, config, split=split, streaming=True)
        if isinstance(loaded, dict):
            names = list(loaded)
            if len(names) != 1:
                raise SourceError(f"{source} has the splits {names}; choose one with --split")
            loaded = loaded[names[0]]
        needed = [name for name in features_of(loaded) if name in _COLUMNS]
        yield from undecoded(loaded).select_columns(needed)
    except PandaError:
        raise
    except Exception as error:  # datasets raises what the libraries under it raise
        raise SourceError(f"{source}: load_dataset cannot load it: {type(error).__name__}: {error}") from error


def _grouped(rows: Iterable[Row]) -> Iterator[Planned]:
    held: list[Row] = []
    for row in rows:
        if held and id_of(row) != id_of(held[0]):
            yield planned_of(list(enumerate(held)))
            held = []
        held.append(row)
    if held:
        yield planned_of(list(enumerate(held)))
