"""`video_rows`: whatever holds videos, as video rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import datasets
from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

from panda_hf.errors import SourceError
from panda_hf.running.files import LIST_SUFFIXES, find_videos, is_url, listed_videos, located, remote_videos
from panda_hf.running.tables import StreamVideos, TableVideos
from panda_hf.running.videos import FileVideos, Videos
from panda_hf.stage import Row

Source: TypeAlias = (
    str
    | os.PathLike[str]
    | Sequence[str | os.PathLike[str]]
    | Dataset
    | IterableDataset
    | DatasetDict
    | IterableDatasetDict
)
"""A folder, a list file, a video file, several files, a dataset, or anything ``load_dataset`` takes."""

_ACCOUNT = "availability.json"
"""What tells a folder that a download made."""
TABLE_BUILDERS = {
    ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet",
}  # fmt: skip


def video_rows(source: Source, *, split: str | None = None, streaming: bool = False) -> Dataset | IterableDataset:
    """The video rows of a folder, a list file, a video file, or a dataset.

    Sidecars beside local files are read (``NAME.srt``, ``NAME.en.vtt``, ``NAME.json``, ``NAME.info.json``); nothing is
    made up: what is not known is ``None``. Other columns of a dataset are kept. A listed file that does not exist is a
    row too: it fails in ``Split``, which names it.

    Args:
        source: a folder (searched with its subfolders), a ``.txt`` file with one path per line, a table (``.csv``,
            ``.jsonl``, ``.parquet``) with a column ``video`` or ``path``, a video file, a list of files, a dataset
            object, or a path or Hub id for ``load_dataset``. Paths in a list or table are relative to it.
        split: which split of a dataset; ``None`` takes the only one, or ``train``.
        streaming: return an ``IterableDataset`` that reads as it goes.

    Returns:
        Rows of :data:`panda_hf.schema.VIDEO_ROW` and the other columns; streamed when asked for or when ``source`` is.

    Raises:
        SourceError: when the source cannot be read or holds no video.
    """
    videos = list_videos(source, split=split, streaming=streaming)
    if streaming or isinstance(videos, StreamVideos):
        return IterableDataset.from_generator(_generate, features=videos.features, gen_kwargs={"videos": videos})
    return videos.to_dataset()


def list_videos(
    source: Source,
    *,
    split: str | None = None,
    streaming: bool = False,
    limit: int | None = None,
    without: Path | None = None,
) -> Videos:
    """Like :func:`video_rows`, but nothing is read before it is needed.

    Args:
        source: see :func:`video_rows`.
        split: see :func:`video_rows`.
        streaming: stream what ``load_dataset`` loads.
        limit: only so many videos from the start.
        without: a folder whose files are not taken.
    """
    if isinstance(source, str | os.PathLike):
        return _from_name(os.fspath(source), split, streaming, limit, without)
    if isinstance(source, list | tuple):
        return FileVideos([located(os.fspath(path), None) for path in source][:limit])
    return _from_dataset(source, split, limit, None)


def _from_name(name: str, split: str | None, streaming: bool, limit: int | None, without: Path | None) -> Videos:
    path, suffix = Path(name), os.path.splitext(name)[1].casefold()
    if path.is_dir():
        return _from_folder(path, split, streaming, limit, without)
    if path.is_file() and suffix in LIST_SUFFIXES:
        return FileVideos(_not_empty(listed_videos(path)[:limit], f"the list {name} is empty"))
    if path.is_file() and suffix in TABLE_BUILDERS:
        return _from_dataset(_load_table(path, suffix, streaming), None, limit, path.parent)
    if path.is_file():
        return FileVideos([os.path.abspath(path)])
    if is_url(name) and not name.startswith("hf://datasets/"):
        return FileVideos(remote_videos(name)[:limit])
    return _from_dataset(_load(name, split, streaming), split, limit, None)


def _from_folder(folder: Path, split: str | None, streaming: bool, limit: int | None, without: Path | None) -> Videos:
    if not _is_repository(folder) and (paths := find_videos(folder, without=without)):
        return FileVideos(paths[:limit], base=os.path.abspath(folder))
    if (folder / _ACCOUNT).is_file() and not any((folder / "videos").glob("*.parquet")):
        raise SourceError(
            f"{folder} is a download that holds no whole video, only its account and perhaps clips. Run `panda-hf "
            f"download` without --discard-videos and --sections, or give the folder of its clips, clips_media"
        )
    if not any(folder.rglob("*.parquet")) and not _is_repository(folder):
        raise SourceError(f"no video found in {folder} or its subfolders, and no dataset either; give another folder")
    return _from_dataset(_load(str(folder), split, streaming), split, limit, folder)


def _from_dataset(source: Any, split: str | None, limit: int | None, base: Path | None) -> Videos:
    if isinstance(source, dict):
        source = _one_split(source, split)
    if isinstance(source, IterableDataset):
        return StreamVideos(source if limit is None else source.take(limit), base)
    if isinstance(source, Dataset):
        return TableVideos(source if limit is None else source.select(range(min(limit, len(source)))), base)
    raise SourceError(f"{type(source).__name__} is not a source of videos; give a folder, a list file or a dataset")


def _one_split(splits: Any, split: str | None) -> Dataset | IterableDataset:
    name = split or ("train" if "train" in splits else next(iter(splits)) if len(splits) == 1 else None)
    if name not in splits:
        raise SourceError(f"split {name!r}: the dataset has {sorted(splits)}; choose one")
    return splits[name]


def _load(name: str, split: str | None, streaming: bool) -> Any:
    try:
        return datasets.load_dataset(name, split=split, streaming=streaming)
    except Exception as error:
        raise SourceError(
            f"{name!r} is not a file or folder with videos, and load_dataset cannot load it: "
            f"{type(error).__name__}: {error}"
        ) from error


def _load_table(path: Path, suffix: str, streaming: bool) -> Any:
    options: dict[str, Any] = {}
    if TABLE_BUILDERS[suffix] == "csv":
        text = ("video_id", "video", "path", "file_name", "title", "description", "subtitles")
        options = {"converters": dict.fromkeys(text, str)}  # an id of 007 is no number
        options |= {"sep": "\t"} if suffix == ".tsv" else {}
    try:
        files = str(path)
        return datasets.load_dataset(
            TABLE_BUILDERS[suffix], data_files=files, split="train", streaming=streaming, **options
        )
    except Exception as error:
        raise SourceError(f"the table {path} cannot be read: {type(error).__name__}: {error}") from error


def _is_repository(folder: Path) -> bool:
    """Whether the card of a dataset repository says where its data is."""
    card = folder / "README.md"
    if not card.is_file():
        return False
    head = card.read_text(encoding="utf-8", errors="replace").split("\n---", 1)[0]
    return head.startswith("---") and ("\nconfigs:" in head or "\ndataset_info:" in head)


def _not_empty(paths: list[str], message: str) -> list[str]:
    if not paths:
        raise SourceError(message)
    return paths


def _generate(videos: Videos) -> Iterator[Row]:
    for entry in videos:
        yield entry.load()
