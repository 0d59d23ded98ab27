"""Find video files: in a folder and its subfolders, or named by a list file."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePath

import fsspec

from panda_hf.errors import SourceError
from panda_hf.running.naming import clean_name
from panda_hf.running.subtitles import decode_text

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .qt .mkv .webm .avi .wmv .asf .flv .f4v .mpg .mpeg .mpe .m1v .m2v .vob .ts .mts .m2ts .3gp .3g2 "
    ".ogv .ogm .mxf .rm .rmvb .divx .dv .nut .ivf .264 .h264 .265 .h265 .hevc .av1 .obu .y4m".split()
)
"""A file is taken for a video by its name; one that only claims to be becomes an error row."""

LIST_SUFFIXES = (".txt", ".lst", ".list")
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def find_videos(folder: Path, *, without: Path | None = None) -> list[str]:
    """Absolute paths of all videos below a folder, sorted by relative path.

    Hidden files and folders are left out, and so are folders that a run of this package wrote. Links to folders are
    followed, each folder once.

    Args:
        folder: where to look.
        without: a folder inside it to leave out, such as the output of this run.
    """
    found = (
        os.path.join(parent, name) for parent, names in _walk(folder, without) for name in names if _is_video(name)
    )
    kept = (path for path in found if not os.path.isdir(path))  # a pipe called x.mp4 is a row, which says what it is
    return sorted(kept, key=lambda path: PurePath(path).parts)


def listed_videos(file: Path) -> list[str]:
    """The paths in a text file, one per line, relative to the file; addresses such as ``https://…`` as they are.

    Raises:
        SourceError: when the file cannot be read.
    """
    try:
        lines = decode_text(file.read_bytes()).splitlines()
    except OSError as error:
        raise SourceError(f"the list {file} cannot be read: {error}") from error
    return [located(line.strip(), file.parent) for line in lines if line.strip()]


def remote_videos(url: str) -> list[str]:
    """The addresses of the videos behind one: of a list file (``.txt``) its lines, of a folder all videos below it.

    An address of neither is taken for a video, whatever it is called.

    Raises:
        SourceError: when it cannot be read.
    """
    suffix = os.path.splitext(url)[1].casefold()
    if suffix in VIDEO_SUFFIXES:
        return [url]
    try:
        files, path = fsspec.core.url_to_fs(url)
        if suffix in LIST_SUFFIXES:
            lines = decode_text(files.cat_file(path)).splitlines()
            base = url.rpartition("/")[0]
            found = [line if is_url(line) else f"{base}/{line}" for line in map(str.strip, lines) if line]
        else:
            found = sorted(files.unstrip_protocol(name) for name in files.find(path) if _is_video(name))
    except Exception as error:  # fsspec raises what the libraries under it raise; the run ends with it
        raise SourceError(f"{url} cannot be read: {type(error).__name__}: {error}") from error
    return found or [url]


def located(path: str, folder: Path | None) -> str:
    """``path`` made absolute, relative to ``folder`` or, without one, to the current folder; addresses unchanged."""
    return path if is_url(path) else os.path.abspath(os.path.join(folder or "", path))


def is_url(path: str) -> bool:
    """Whether ``path`` is an fsspec address such as ``hf://…`` rather than a file name."""
    return _URL.match(path) is not None


def name_choices(path: str, base: str) -> tuple[str, str, str]:
    """Video ids for a file, shortest first: its stem, its path below ``base`` without suffix, and with it."""
    below = path.removeprefix(base).lstrip("/\\")
    return clean_name(PurePath(path).stem), clean_name(os.path.splitext(below)[0]), clean_name(below)


def common_folder(paths: list[str]) -> str:
    """The folder all paths share, an empty string when there is none (addresses, several drives)."""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:
        return ""


def _walk(folder: Path, without: Path | None) -> Iterator[tuple[str, list[str]]]:
    seen: set[tuple[int, int]] = set()
    left_out = os.path.realpath(without) if without else None
    for parent, folders, names in os.walk(os.path.abspath(folder), followlinks=True, onerror=_warn):
        place = os.stat(parent)
        if (place.st_dev, place.st_ino) in seen or os.path.realpath(parent) == left_out or _is_output(parent, names):
            folders.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield parent, [name for name in names if not name.startswith(".")]


def _is_video(name: str) -> bool:
    return os.path.splitext(name)[1].casefold() in VIDEO_SUFFIXES


def _is_output(folder: str, names: list[str]) -> bool:
    """Whether a run of this package wrote the folder: its exported clips are not new videos."""
    if "manifest.jsonl" not in names:
        return False
    with open(os.path.join(folder, "manifest.jsonl"), "rb") as file:
        return b'"panda_hf"' in file.readline(2**20)


def _warn(error: OSError) -> None:
    log.warning("folder left out: %s", error)
