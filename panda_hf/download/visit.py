"""Fetch one video, in a worker process: ask about it, choose formats, download, check, join, move into place."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from panda_hf.download import formats, whole
from panda_hf.download.captions import Captions, fetch_captions
from panda_hf.download.opener import Opener, host_of
from panda_hf.download.options import INFO_KEYS, Fetched, FetchOptions, Wanted
from panda_hf.download.partial import fetch_sections
from panda_hf.download.reasons import TEMPORARY
from panda_hf.download.stamp import Stamp
from panda_hf.download.verdict import NotAVideo, NotWhole, StillLive, TooLarge, Verdict, verdict_of
from panda_hf.download.waits import HostWaits, OutOfTime, Patience
from panda_hf.running.naming import clean_name, safe_file_name
from panda_hf.running.subtitles import whole_text
from panda_hf.stage import Row
from panda_hf.video.probe import probe

_MAY_PASS = ("network", "timeout", "truncated")
_NOT_OVER = ("is_live", "is_upcoming", "post_live")
_SPARE_SECONDS = 0.5


@dataclass
class Visit:
    """One video under way. ``part`` is its own folder for what is not complete."""

    opener: Opener
    wanted: Wanted
    options: FetchOptions
    folder: Path
    part: Path
    patience: Patience

    @property
    def name(self) -> str:
        """The file name of the video, without suffix."""
        return safe_file_name(self.wanted.video_id)


def part_folder(folder: Path) -> Path:
    """Where everything lies that is not complete: partial downloads, waits, what yt-dlp remembers."""
    return folder / ".part"


def fetch_here(
    opener: Opener, wanted: Wanted, options: FetchOptions, folder: Path, *, time_limit: float | None = None
) -> Fetched:
    """Fetch one video in this process, whose guard is armed; never raises for what the video or its site does.

    Args:
        opener: of this process.
        wanted: what to fetch.
        options: how.
        folder: where the video comes to lie.
        time_limit: seconds after which this process will be ended: longer waits are not begun.
    """
    started = time.monotonic()
    deadline = None if time_limit is None else started + time_limit - _SPARE_SECONDS
    parts = part_folder(folder)
    patience = opener.patience = Patience(options, HostWaits(parts / "waits"), deadline)
    visit = Visit(opener, wanted, options, folder, parts / safe_file_name(wanted.video_id), patience)
    try:
        visit.part.mkdir(parents=True, exist_ok=True)
        fetched = _fetch_twice_if_forbidden(visit)
    except Exception as error:  # the video becomes a row with its reason
        fetched = _failed(visit, verdict_of(error))
    if fetched.reason not in TEMPORARY:
        shutil.rmtree(visit.part, ignore_errors=True)
    return replace(fetched, seconds=round(time.monotonic() - started, 3), attempts=patience.attempts)


def _fetch_twice_if_forbidden(visit: Visit) -> Fetched:
    """A 403 often means that the addresses of the files have grown old: ask for new ones, once."""
    try:
        return _fetch(visit)
    except Exception as error:
        if verdict_of(error).reason != "forbidden" or not visit.options.retries:
            raise
        visit.patience.attempts += 1
        return _fetch(visit)


def _fetch(visit: Visit) -> Fetched:
    info = _ask(visit)
    choice = formats.choose(info.get("formats") or [info], height=visit.options.height, audio=visit.options.audio)
    result = Fetched(
        video_id=visit.wanted.video_id, url=visit.wanted.url, reason="ok", info=_known(info, choice.formats)
    )
    notes = [choice.note]
    if visit.wanted.sections:
        cut = fetch_sections(visit.opener, choice, visit.wanted.sections, visit.part, visit.folder / visit.name)
        notes.append(cut.note)
        if cut.paths:
            size = sum(os.path.getsize(path) for path in cut.paths if path)
            result = replace(
                result, section_paths=cut.paths, section_details=cut.details, section_seconds=cut.seconds, bytes=size
            )
    if not result.section_paths:
        path = _whole_video(visit, info, choice)
        result = replace(result, path=str(path), bytes=path.stat().st_size, info=_measured(result.info, path))
    captions = _captions(visit, info)
    notes.append(captions.problem)
    detail = "; ".join(filter(None, notes)) or None
    return replace(result, detail=detail, subtitles=captions.cues, subtitle_kind=captions.kind)


def _ask(visit: Visit) -> dict[str, Any]:
    """What the site says about the video.

    Raises:
        NotAVideo: the address is none, or leads to several videos.
        StillLive: it is an event that has not ended.
    """
    if not urlsplit(visit.wanted.url).scheme:
        raise NotAVideo("not an address of the web; it begins with https://")
    visit.opener.guard.check_url(visit.wanted.url)
    info = visit.opener.extract_info(visit.wanted.url, download=False)
    if info and info.get("_type") in ("playlist", "multi_video"):
        entries = [entry for entry in info.get("entries") or () if entry]
        info = entries[0] if len(entries) == 1 else None
    if not info:
        raise NotAVideo("the address leads to no video, or to several; give the one of a single video")
    if info.get("is_live") or info.get("live_status") in _NOT_OVER:
        raise StillLive("an event that has not ended or not begun")
    return dict(info)


def _whole_video(visit: Visit, info: Mapping[str, Any], choice: formats.Choice) -> Path:
    """Download, check, join where needed, and move into place."""
    sizes = [fmt.get("filesize") for fmt in choice.formats]
    most = visit.options.max_bytes
    if most is not None and sum(size or 0 for size in sizes) > most:
        raise TooLarge(f"{sum(size or 0 for size in sizes):,} bytes; max_bytes is {most:,}")
    files: list[Path] = []
    for fmt in choice.formats:
        target = visit.part / f"{clean_name(str(fmt.get('format_id') or 'video'))[:40]}.{_extension(fmt)}"
        done = sum(file.stat().st_size for file in files)
        _download_whole(visit, info, fmt, target, is_picture=not files, bytes_before=done)
        files.append(target)
    return _into_place(visit, choice, files)


def _download_whole(
    visit: Visit, info: Mapping[str, Any], fmt: formats.Format, target: Path, *, is_picture: bool, bytes_before: int
) -> None:
    """Download a file until it is whole by its own account, starting over when it is not, while patience allows."""
    seconds = _number(info.get("duration"))
    while True:
        _download(visit, info, fmt, target, bytes_before)
        try:
            whole.check_whole(target, picture=is_picture, site_seconds=seconds)
            return
        except NotWhole as error:
            target.unlink(missing_ok=True)
            _wait_or_raise(visit, str(fmt["url"]), error)
        except NotAVideo:
            target.unlink(missing_ok=True)
            raise


def _download(visit: Visit, info: Mapping[str, Any], fmt: formats.Format, target: Path, bytes_before: int) -> None:
    """Download to the end of what the server announces, going on where an earlier try stopped."""
    visit.opener.limit_bytes(visit.options.max_bytes, bytes_before)
    task = _task(info, fmt)
    stamp = Stamp(target)
    stamp.drop_part_of_unknown_version()
    visit.opener.on_response = stamp.note if task.get("protocol") in ("http", "https") else None
    try:
        while not _tried(visit, {**task, "http_headers": stamp.headers(task.get("http_headers"))}, target):
            pass
    finally:
        visit.opener.on_response = None


def _task(info: Mapping[str, Any], fmt: formats.Format) -> dict[str, Any]:
    """What yt-dlp must know to download one format: ``info`` also holds the fields of the one that it ranks best."""
    of_formats = {key for other in info.get("formats") or () for key in other}
    about = {key: value for key, value in info.items() if key not in of_formats}
    return {key: value for key, value in {**about, **fmt}.items() if key not in ("formats", "requested_formats")}


def _tried(visit: Visit, task: dict[str, Any], target: Path) -> bool:
    """One try; ``False``: it failed, and another may go on where it stopped."""
    try:
        done, _ = visit.opener.dl(str(target), task)
        if not done or not target.is_file():
            raise NotWhole("the download did not come to its end")
    except Exception as error:
        if verdict_of(error).reason not in _MAY_PASS:
            raise
        _wait_or_raise(visit, str(task["url"]), error)
        return False
    return True


def _wait_or_raise(visit: Visit, url: str, error: Exception) -> None:
    try:
        if visit.patience.may_try_again(host_of(url)):
            return
    except OutOfTime:
        pass
    raise error


def _into_place(visit: Visit, choice: formats.Choice, files: list[Path]) -> Path:
    strip = not visit.options.audio and choice.picture.get("acodec") != "none"
    suffix = whole.suffix_of(files[0])
    packed = str(choice.picture.get("container") or "").endswith("_dash")
    draft = files[0]
    if len(files) > 1 or suffix is None or strip or packed:
        draft = visit.part / f"joined{whole.joined_suffix(*files)}"
        whole.join(files[0], files[1] if len(files) > 1 else None, draft, keep_sound=not strip)
        whole.check_whole(draft)
        suffix = draft.suffix
    final = visit.folder / f"{visit.name}{suffix}"
    whole.flush(draft)
    os.replace(draft, final)
    return final


def _captions(visit: Visit, info: Mapping[str, Any]) -> Captions:
    """With a patience of their own: the video is there already, and is not given up for them."""
    if not visit.options.subtitles:
        return Captions()
    patience = visit.patience
    few = replace(visit.options, retries=min(1, visit.options.retries))
    visit.opener.patience = Patience(few, patience.waits, patience.deadline)
    try:
        return fetch_captions(visit.opener, info, visit.options, visit.part)
    finally:
        visit.opener.patience = patience


def _failed(visit: Visit, verdict: Verdict) -> Fetched:
    waiting = verdict.reason == "rate-limited"
    return Fetched(
        video_id=visit.wanted.video_id,
        url=visit.wanted.url,
        reason=verdict.reason,
        detail=verdict.detail,
        http_status=verdict.http_status,
        retry_after=(verdict.retry_after or visit.patience.retry_after) if waiting else None,
    )


def _known(info: Mapping[str, Any], chosen: tuple[formats.Format, ...]) -> Row:
    """The values of :data:`INFO_KEYS`, each of its type; what is of another type counts as unknown."""
    merged = {**info, **{key: chosen[0].get(key) for key in ("width", "height", "fps")}}
    merged["format_id"] = "+".join(str(fmt.get("format_id")) for fmt in chosen)
    return {key: _typed(merged.get(key), kind) for key, kind in INFO_KEYS.items()}


def _typed(value: Any, kind: type[Any]) -> Any:
    if kind is str:
        return whole_text(value) if isinstance(value, str) and value else None
    if kind is list:
        return list(_texts(value)) if isinstance(value, list | tuple) else None
    number = _number(value)
    return None if number is None else kind(number)


def _texts(values: Any) -> Iterator[str]:
    return (whole_text(value) for value in values if isinstance(value, str))


def _number(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fits else None


def _measured(info: Row, path: Path) -> Row:
    """What the site did not say about the picture, from the file."""
    video = probe(path)
    measured = {"duration": video.duration, "width": video.width, "height": video.height, "fps": video.fps}
    return {**info, **{key: value for key, value in measured.items() if info.get(key) is None}}


def _extension(fmt: formats.Format) -> str:
    text = str(fmt.get("ext") or "")
    return text if text.isascii() and text.isalnum() and len(text) <= 5 else "video"  # noqa: PLR2004
