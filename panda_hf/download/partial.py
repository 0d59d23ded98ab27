"""Cut sections out of a remote video, so that the rest of it is never fetched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from panda_hf.download.formats import Choice, Format
from panda_hf.download.opener import Opener
from panda_hf.download.remote_file import NoRanges, RemoteFile
from panda_hf.download.sections import cut_sections
from panda_hf.download.verdict import clean_detail
from panda_hf.download.whole import flush
from panda_hf.errors import VideoError
from panda_hf.video import CutClip

_PLAIN = ("http", "https")


@dataclass(frozen=True)
class CutOut:
    """The files of the sections; none, with a note, when the video has to be fetched whole."""

    paths: tuple[str | None, ...] = ()
    details: tuple[str | None, ...] = ()
    seconds: tuple[float | None, ...] = ()
    note: str | None = None


def section_path(stem: Path, number: int) -> Path:
    """The file of a section: ``<stem>.section-<number>.mp4``, numbered like ``Wanted.sections``, from 0."""
    return stem.with_name(f"{stem.name}.section-{number}.mp4")


def fetch_sections(
    opener: Opener, choice: Choice, sections: Sequence[tuple[float, float]], part: Path, stem: Path
) -> CutOut:
    """Cut sections out of the chosen formats where the server gives pieces of them.

    Args:
        opener: of this process.
        choice: the formats.
        sections: start and end, seconds.
        part: folder for files that are not complete.
        stem: folder and name, without suffix, of the finished ones.

    Raises:
        Exception: of the network or the guard, as for a whole video.
    """
    if any((fmt.get("protocol") or "https") not in _PLAIN or fmt.get("fragments") for fmt in choice.formats):
        return CutOut(note="fetched whole: it is streamed in fragments")
    try:
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(_remote(opener, fmt)) for fmt in choice.formats]
            return _cut(files, sections, part, stem)
    except NoRanges:
        return CutOut(note="fetched whole: the server does not give pieces of it")


def _cut(files: list[RemoteFile], sections: Sequence[tuple[float, float]], part: Path, stem: Path) -> CutOut:
    drafts = [part / section_path(stem, number).name for number in range(len(sections))]
    tasks = [(start, end, draft) for (start, end), draft in zip(sections, drafts, strict=True)]
    try:
        picture, *sound = (cast(BinaryIO, file) for file in files)
        results = cut_sections(picture, sound[0] if sound else None, tasks)
    finally:
        failure = next((file.failure for file in files if file.failure is not None), None)
        if failure is not None:
            raise failure
    made = [_moved(draft, section_path(stem, number)) for number, draft in enumerate(drafts)]
    details = [str(found) if isinstance(found, VideoError) else found.note for found in results]
    seconds = tuple(found.duration if isinstance(found, CutClip) else None for found in results)
    return CutOut(tuple(made), tuple(None if said is None else clean_detail(said) for said in details), seconds)


def _moved(draft: Path, final: Path) -> str | None:
    if not draft.is_file():
        return None
    flush(draft)
    os.replace(draft, final)
    return str(final)


def _remote(opener: Opener, fmt: Format) -> RemoteFile:
    return RemoteFile(opener, str(fmt["url"]), fmt.get("http_headers"))
