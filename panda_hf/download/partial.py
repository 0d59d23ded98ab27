"""Cut sections out of a remote video, so that the rest of it is never fetched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panda_hf.download.formats import Choice, Format
from panda_hf.download.opener import Opener
from panda_hf.download.remote_file import NoRanges, RemoteFile
from panda_hf.download.verdict import clean_detail

_PLAIN = ("http", "https")


@dataclass(frozen=True)
class CutOut:
    """The files of the sections; none, with a note, when the video has to be fetched whole."""

    paths: tuple[str | None, ...] = ()
    details: tuple[str | None, ...] = ()
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
    from panda_hf.download.sections import cut_sections

    drafts = [part / section_path(stem, number).name for number in range(len(sections))]
    tasks = [(start, end, draft) for (start, end), draft in zip(sections, drafts, strict=True)]
    results = cut_sections(files[0], files[1] if len(files) > 1 else None, tasks)  # type: ignore[arg-type]
    paths: list[str | None] = []
    details: list[str | None] = []
    for number, draft in enumerate(drafts):
        made = draft.is_file()
        if made:
            os.replace(draft, section_path(stem, number))
        paths.append(str(section_path(stem, number)) if made else None)
        problem = getattr(results[number], "problem", results[number])
        details.append(None if made or problem is None else clean_detail(str(problem)))
    return CutOut(tuple(paths), tuple(details))


def _remote(opener: Opener, fmt: Format) -> RemoteFile:
    return RemoteFile(opener, str(fmt["url"]), fmt.get("http_headers"))
