"""Where encoded video comes from, and opening it so that it cannot reach for anything else."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeAlias, cast

import av
import fsspec

from panda_hf.errors import VideoError

VideoLike: TypeAlias = "str | os.PathLike[str] | bytes | Mapping[str, Any]"
"""A path, an fsspec url (``hf://…``, ``https://…``, ``zip://a.mp4::/b.zip``), the encoded bytes, or what
``Video(decode=False)`` yields: ``{"path": str | None, "bytes": bytes | None}``, of which bytes win over path."""

MAX_PIXELS = 2**26
"""Frames of more pixels (8192 x 8192) are refused: a few hostile bytes can claim sizes that exhaust the memory."""

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2 matroska,webm avi mpegts mpeg mpegvideo m4v flv live_flv kux asf ogg mxf rm ivr gif apng "
    "h261 h263 h264 hevc vvc av1 obu ivf vc1 vc1test cavsvideo dirac mjpeg mjpeg_2000 smjpeg yuv4mpegpipe dv nut nsv "
    "wtv dhav gxf lxf swf amv pva ty nuv roq bink smk webp webp_anim jpegxl_anim dnxhd"
).replace(" ", ",")
"""The only demuxers in use. Playlists and scripts (hls, dash, concat, sdp, image2, …), which name other files, are not
among them: a playlist renamed to ``.mp4`` would otherwise make libav read any local file or the network."""

STUMBLE_WAITS_SECONDS = (0.5, 2.0, 5.0)
"""A store that fails to give a part of a video is asked again after so long, before the video becomes an error row."""
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+(://|::)")
_HEAD_BYTES = 4096
_READ_BYTES = 1 << 20
_SMALL_READ_BYTES = 1 << 15


@dataclass(frozen=True)
class Source:
    """One video's encoded data: exactly one of ``path``, ``url``, ``data`` and ``file`` is set.

    ``name`` is what messages call it.
    """

    name: str
    path: str | None = None
    url: str | None = None
    data: bytes | None = None
    file: BinaryIO | None = None
    """Seekable; several readers share it, each with a place of its own. Not for several threads."""

    @classmethod
    def of_file(cls, file: BinaryIO, name: str) -> Source:
        """An open file, such as one over HTTP. The caller closes it, after all that read it."""
        return cls(name=repr(name), file=file)

    @classmethod
    def of(cls, video: VideoLike | Source) -> Source:
        """Understand what a caller or a dataset calls a video.

        Raises:
            VideoError: when it holds neither a path nor bytes.
        """
        if isinstance(video, cls):
            return video
        path, data = _path_and_bytes(video)
        if data is not None:
            return cls(name=repr(path) if path else f"the video of {len(data)} bytes", data=data)
        if path is None:
            raise VideoError(f"no video: {_short(video)} has neither a path nor bytes. Give one of them.")
        if path.startswith("file://"):
            path = path.removeprefix("file://")
        if _URL.match(path) and not os.path.exists(path):
            return cls(name=repr(path), url=path)
        return cls(name=repr(path), path=path)

    def open_file(self) -> BinaryIO:
        """The encoded bytes as a seekable file object; the caller closes it."""
        if self.data is not None:
            return io.BytesIO(self.data)
        if self.file is not None:
            return cast(BinaryIO, _SharedFile(self.file))
        try:
            if self.url is not None:
                return cast(BinaryIO, _RemoteFile(self.url))
            return open(str(self.path), "rb")
        except (OSError, ValueError) as error:
            raise VideoError(f"{self.name} cannot be opened: {_reason(error)}. Check the name and access.") from error

    def read_bytes(self) -> bytes:
        """All encoded bytes."""
        if self.data is not None:
            return self.data
        with self.open_file() as file:
            return file.read()


class _RemoteFile:
    """A file opened by fsspec, whose every failure is an ``OSError``: each file system raises its own library's."""

    def __init__(self, url: str) -> None:
        self._file = self._try(lambda: fsspec.open(url, "rb").open())
        self.name = url

    def read(self, size: int = -1) -> bytes:
        return self._try(lambda: self._file.read(size))

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._try(lambda: self._file.seek(offset, whence))

    def tell(self) -> int:
        return self._try(self._file.tell)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _RemoteFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _try(action: Callable[[], Any]) -> Any:
        for wait in (*STUMBLE_WAITS_SECONDS, None):
            try:
                return action()
            except Exception as error:  # fsspec raises what the libraries under it raise; it becomes a row's error
                if wait is None or _lasts(error):
                    raise OSError(f"{type(error).__name__}: {error}") from error
            time.sleep(wait)


def _lasts(error: BaseException) -> bool:
    """Whether asking a store again is in vain: there is no such file, no access, no such kind of store.

    Of HTTP every failure comes as ``FileNotFoundError``, with what it really was as its cause.
    """
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None:
        return _lasts(error.__cause__)
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return 400 <= status < 500 and status not in (408, 429)
    kinds = (FileNotFoundError, PermissionError, IsADirectoryError, ImportError, ValueError, TypeError)
    return isinstance(error, kinds)


class _SharedFile:
    """A reader of a file that others read too: it keeps its own place. Closing it leaves the file open."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._place = 0
        self.name = "video"

    def read(self, size: int = -1) -> bytes:
        self._file.seek(self._place)
        data = self._file.read(size)
        self._place += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self._file.seek(self._place)
        self._place = self._file.seek(offset, whence)
        return self._place

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        """The caller of ``Source.of_file`` closes the file."""

    def __enter__(self) -> _SharedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class OpenVideo:
    """An open container and, where the video is not a local file, the file object under it."""

    container: av.container.InputContainer
    file: BinaryIO | None

    def close(self) -> None:
        """Give back every handle; closing twice does no harm."""
        self.container.close()
        if self.file is not None:
            self.file.close()


def open_video(source: Source) -> OpenVideo:
    """Open ``source`` with libav, able to read that one file and nothing else.

    Raises:
        VideoError: it cannot be opened; the message names the file, the cause and what to do.
    """
    if source.path is not None:
        _check_regular_file(source.name, source.path)
    file = source.open_file()
    try:
        head = file.read(_HEAD_BYTES)
        _check_head(source.name, head)
        file.seek(0)
        container = _open_container(source, file, head)
    except BaseException:
        file.close()
        raise
    if source.path is None:
        return OpenVideo(container, file)
    file.close()
    return OpenVideo(container, None)


def _open_container(source: Source, file: BinaryIO, head: bytes) -> av.container.InputContainer:
    local = source.path is not None
    try:
        return av.open(
            f"file:{source.path}" if local else file,
            mode="r",
            options={"max_pixels": str(MAX_PIXELS)},
            container_options={"protocol_whitelist": "file" if local else "none", "format_whitelist": FORMATS},
            metadata_errors="replace",
            buffer_size=_READ_BYTES if source.url else _SMALL_READ_BYTES,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{source.name} cannot be read as video: {_why_unreadable(head, error)}") from error


def by_reference(video: VideoLike) -> dict[str, Any]:
    """The same video as ``{"path": …, "bytes": None}``, so that many rows can refer to it without copies.

    Bytes are written once to the cache folder (``$PANDA_HF_CACHE``, else ``panda_hf`` in ``$HF_HOME``), named by their
    SHA-256, atomically: processes may race. A path or url is returned as it is.
    """
    path, data = _path_and_bytes(video)
    return {"path": path if data is None else _spool(data, path), "bytes": None}


def cache_folder() -> Path:
    """Where videos held as bytes are kept: ``$PANDA_HF_CACHE/videos``, by default in ``$HF_HOME/panda_hf``."""
    from huggingface_hub.constants import HF_HOME

    return Path(os.environ.get("PANDA_HF_CACHE") or Path(HF_HOME) / "panda_hf") / "videos"


def _spool(data: bytes, path: str | None) -> str:
    suffix = PurePosixPath(path or "").suffix
    suffix = suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,5}", suffix) else ".video"
    target = cache_folder() / (hashlib.sha256(data).hexdigest() + suffix)
    if not (target.exists() and target.stat().st_size == len(data)):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as file:
            file.write(data)
        os.replace(file.name, target)
    return str(target)


def _path_and_bytes(video: Any) -> tuple[str | None, bytes | None]:
    if isinstance(video, Source):
        return video.path or video.url, video.data
    if isinstance(video, (bytes, bytearray, memoryview)):
        return None, bytes(video)
    if isinstance(video, Mapping):
        data, path = video.get("bytes"), video.get("path")
        return (None if path is None else os.fspath(path)), (None if data is None else bytes(data))
    if isinstance(video, (str, os.PathLike)):
        return os.fsdecode(os.fspath(video)), None
    raise VideoError(f"no video: expected a path, a url, bytes or {{'path', 'bytes'}}, got {_short(video)}.")


def _check_regular_file(name: str, path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise VideoError(f"{name} cannot be opened: {_reason(error)}. Check the name and access.") from error
    if stat.S_ISDIR(mode):
        raise VideoError(f"{name} is a folder, not a video. Name a file in it.")
    if not stat.S_ISREG(mode):
        raise VideoError(f"{name} is not a regular file (a pipe, socket or device). Copy the video to a file first.")


def _check_head(name: str, head: bytes) -> None:
    if not head:
        raise VideoError(f"{name} is empty (0 bytes). Fetch or export it again.")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"version https://git-lfs.github.com/spec/"):
        raise VideoError(f"{name} is a Git LFS pointer, not the video itself. Run `git lfs pull` where it comes from.")
    if text.startswith((b"#EXTM3U", b"ffconcat", b"v=0\r", b"v=0\n", b"<MPD", b"<?xml", b"<smil", b"[playlist]")):
        raise VideoError(f"{name} is a playlist or script that names other files, not a video. Give the video itself.")


def _why_unreadable(head: bytes, error: Exception) -> str:
    if _looks_like_text(head):
        return "it is text. Give a video file."
    if head[4:8] == b"ftyp":
        return "an MP4 whose index (moov) is missing or broken, so it was probably cut short. Fetch it again."
    if getattr(error, "errno", None) == errno.EINVAL:
        return "its format holds no video that can be used (sound, an image, a script). Give a video file."
    return f"{_reason(error)}. It is damaged or not a video; fetch it again or convert it with ffmpeg."


def _looks_like_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 > 0
    return True


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _short(value: Any) -> str:
    return repr(value)[:100]
