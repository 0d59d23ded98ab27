"""What lies beside a video file: NAME.srt, NAME.en.vtt, NAME.json, NAME.info.json."""

from __future__ import annotations

import bisect
import functools
import itertools
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from panda_hf.running.subtitles import clean_cues, decode_text, parse_subtitles, whole_text
from panda_hf.stage import Row

log = logging.getLogger(__name__)

SUBTITLE_SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
METADATA_SUFFIXES = (".info.json", ".json")
MAX_BYTES = 64 * 2**20
"""Larger sidecars are left alone, with a warning: they are something else."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]+)*", re.IGNORECASE)


def read_sidecars(video: Path) -> Row:
    """Title, description and subtitles that lie beside a video; ``None`` for what is not there or unreadable.

    Returns:
        ``title`` and ``description`` from ``NAME.info.json`` (as yt-dlp writes it) or ``NAME.json``, ``subtitles``
        from ``NAME.srt``, ``.vtt``, ``.ass`` or the same with a language (English first), else from the JSON file,
        where they are a list of ``{start, end, text}`` in seconds. What cannot be read is logged, never raised.
    """
    names = _names_in(video.parent)
    metadata: Row = {}
    for name in _metadata_names(video.name, names):
        found = _read_json(video.parent / name)
        metadata = {**found, **metadata}
    subtitles = next(filter(None, map(_read_subtitles, _subtitle_paths(video, names))), None)
    return {
        "title": _text(metadata.get("title")),
        "description": _text(metadata.get("description")),
        "subtitles": subtitles or cues_of(metadata.get("subtitles"), video.name),
    }


def cues_of(value: Any, name: str) -> list[Row] | None:
    """A value somebody calls subtitles as cues: a list of ``{start, end, text}`` or the text of a subtitle file.

    ``None`` when it is neither, such as the addresses that yt-dlp puts there.
    """
    try:
        if isinstance(value, str) and value.strip():
            return parse_subtitles(value, name) or None
        if isinstance(value, list | tuple):
            return (
                clean_cues(({**cue, "start": float(cue["start"]), "end": float(cue["end"])} for cue in value), name)
                or None
            )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        log.warning("%s: subtitles not understood (%s: %s)", name, type(error).__name__, error)
    return None


def _subtitle_paths(video: Path, names: Names) -> list[Path]:
    """Subtitle files of a video, best first: without a language, English, then by name."""
    stems = (video.stem.casefold(), video.name.casefold())
    exact = [names[stem + suffix] for suffix in SUBTITLE_SUFFIXES for stem in stems if stem + suffix in names]
    keys = itertools.takewhile(lambda key: key.startswith(stems[0] + "."), _from(names, stems[0] + "."))
    tagged = sorted((not language.startswith("en"), names[k]) for k in keys if (language := _language(k, stems[0])))
    return [video.parent / name for name in exact + [name for _, name in tagged]]


def _language(key: str, stem: str) -> str | None:
    middle, suffix = os.path.splitext(key.removeprefix(stem + "."))
    return middle if suffix in SUBTITLE_SUFFIXES and _LANGUAGE.fullmatch(middle) else None


def _metadata_names(video: str, names: Names) -> list[str]:
    stems = (os.path.splitext(video)[0].casefold(), video.casefold())
    return [names[stem + suffix] for suffix in METADATA_SUFFIXES for stem in stems if stem + suffix in names]


def _read_subtitles(path: Path) -> list[Row] | None:
    text = _read(path)
    try:
        return parse_subtitles(text, path.name) if text and text.strip() else None
    except ValueError as error:
        log.warning("%s", error)
        return None


def _read_json(path: Path) -> Row:
    text = _read(path)
    try:
        value = json.loads(text) if text is not None else {}
    except (ValueError, RecursionError) as error:
        log.warning("%s is not JSON: %s", path.name, error)
        return {}
    if not isinstance(value, dict):
        log.warning("%s is no JSON object with a title, a description or subtitles, and was not used", path.name)
        return {}
    for column in ("title", "description"):
        if not isinstance(value.get(column), str | None):
            log.warning("%s: its %s is no text and was not used", path.name, column)
    return value


def _read(path: Path) -> str | None:
    try:
        if path.stat().st_size > MAX_BYTES:
            log.warning("%s is larger than %d MiB and was not read", path.name, MAX_BYTES // 2**20)
            return None
        return decode_text(path.read_bytes())
    except OSError as error:
        log.warning("%s cannot be read: %s", path.name, error)
        return None


def _text(value: Any) -> str | None:
    return whole_text(value).strip() or None if isinstance(value, str) else None


class Names(dict[str, str]):
    """Sidecar files of one folder: case-folded name to name, in order."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(sorted((name.casefold(), name) for name in names))
        self.keys_in_order = list(self)


def _from(names: Names, start: str) -> Iterator[str]:
    """The names from ``start`` on: a folder of a million files is searched, not walked."""
    first = bisect.bisect_left(names.keys_in_order, start)
    return (names.keys_in_order[i] for i in range(first, len(names)))


def _names_in(folder: Path) -> Names:
    """Sidecar files of a folder; listed again when the folder changes."""
    try:
        return _listed(str(folder), folder.stat().st_mtime_ns)
    except OSError:
        return Names([])


@functools.lru_cache(maxsize=8)
def _listed(folder: str, changed: int) -> Names:
    wanted = (*SUBTITLE_SUFFIXES, *METADATA_SUFFIXES)
    return Names(name for name in os.listdir(folder) if name.casefold().endswith(wanted))
