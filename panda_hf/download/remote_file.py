"""`RemoteFile`: a file on a web server, read piece by piece, so that a section costs no more than itself."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from panda_hf.download.verdict import NotWhole, verdict_of
from panda_hf.download.waits import OutOfTime
from panda_hf.errors import SourceError

if TYPE_CHECKING:
    from panda_hf.download.opener import Opener

_MAX_BLOCKS = 48
_HTTP_PARTIAL = 206


class NoRanges(SourceError):
    """The server does not give pieces of this file: it can only be fetched whole."""


class RemoteFile(io.RawIOBase):
    """A seekable, read-only binary file over HTTP range requests.

    Requests go through the worker's opener: guarded, with its cookies, proxy, headers, waits and new tries.

    Args:
        opener: of the worker.
        url: of the file.
        headers: that the site wants to see with it.
        block_bytes: of one request at least; neighbours that are read in order come in larger pieces.

    Raises:
        NoRanges: when the server does not answer with pieces, or does not tell the length.
        NotWhole: a piece came short, or the file changed.
        RequestError: of yt-dlp, when the server cannot be asked.
    """

    def __init__(
        self, opener: Opener, url: str, headers: Mapping[str, str] | None = None, *, block_bytes: int = 2**18
    ) -> None:
        super().__init__()
        self.bytes_read = 0
        """Bytes that came over the network."""
        self.failure: Exception | None = None
        """Why reading failed, when it did: who reads through libav may not be told."""
        self._opener, self._url, self._headers = opener, url, dict(headers or {})
        self._block = block_bytes
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._position = 0
        self._last = -2
        self._run = 1
        self.size = 2**62
        self.size = self._fetch(0, 1)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position, bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; nothing is asked for yet."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the present block goes."""
        view = memoryview(buffer).cast("B")
        if self._position >= self.size or not len(view):
            return 0
        number, within = divmod(self._position, self._block)
        piece = self._block_at(number)[within : within + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def read(self, size: int | None = -1) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file; all that is left without a size."""
        left = self.size - self._position
        size = left if size is None or size < 0 else min(size, left)
        pieces = []
        while size > 0:
            number, within = divmod(self._position, self._block)
            pieces.append(self._block_at(number)[within : within + size])
            size -= len(pieces[-1])
            self._position += len(pieces[-1])
        return b"".join(pieces)

    def _block_at(self, number: int) -> bytes:
        if number not in self._blocks:
            self._run = min(self._run * 2, 16) if number == self._last + 1 else 1
            self._fetch(number, self._run)
        self._last = max(number, self._last) if self._run > 1 else number
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _fetch(self, number: int, count: int) -> int:
        """Ask for blocks, again where that may help, keep them, and return the size of the file."""
        from yt_dlp.networking.exceptions import RequestError

        while True:
            try:
                size, data = self._ask(number * self._block, count * self._block)
                break
            except (RequestError, NotWhole) as error:
                if not self._may_try_again(error):
                    self.failure = error
                    raise
        for i in range(0, len(data), self._block):
            self._blocks[number + i // self._block] = data[i : i + self._block]
        while len(self._blocks) > _MAX_BLOCKS:
            self._blocks.popitem(last=False)
        return size

    def _ask(self, start: int, count: int) -> tuple[int, bytes]:
        from yt_dlp.networking import Request

        end = min(start + count, self.size) - 1
        headers = {**self._headers, "Accept-Encoding": "identity", "Range": f"bytes={start}-{end}"}
        with self._opener.urlopen(Request(self._url, headers=headers)) as response:
            size = self._size_in(response, start)
            return size, self._exactly(response, min(end, size - 1) - start + 1)

    def _may_try_again(self, error: Exception) -> bool:
        """The opener has tried again itself whatever failed before the first byte of an answer."""
        if verdict_of(error).reason not in ("network", "timeout", "truncated"):
            return False
        try:
            return self._opener.patience.may_try_again(urlsplit(self._url).netloc)
        except OutOfTime:
            return False

    def _exactly(self, response: Any, wanted: int) -> bytes:
        pieces, left = [], wanted
        while left > 0:
            piece = response.read(min(left, 2**20))
            if not piece:
                raise NotWhole(f"the server sent {wanted - left} of {wanted} bytes of a piece")
            pieces.append(piece)
            left -= len(piece)
        self.bytes_read += wanted
        return b"".join(pieces)

    def _size_in(self, response: Any, start: int) -> int:
        """The size of the whole file that ``Content-Range: bytes 0-99/1234`` tells."""
        unit, _, rest = (response.headers.get("Content-Range") or "").partition(" ")
        span, _, total = rest.partition("/")
        if response.status != _HTTP_PARTIAL or unit != "bytes" or not total.isdigit():
            raise NoRanges("the server does not give pieces of this file. Fetch it whole.")
        if span.partition("-")[0] != str(start) or self.size not in (2**62, int(total)):
            raise NotWhole("the file changed on the server while it was read")
        return int(total)
