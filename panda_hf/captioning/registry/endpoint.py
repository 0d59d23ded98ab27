"""Where a teacher runs that another process serves: an address, how to ask there, how long to wait."""

from __future__ import annotations

import dataclasses
import re
from typing import Any
from urllib.parse import urlsplit

Setting = str | int | float | bool | None
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"(?:api|access|auth)?[-_]?(?:key|token|secret|password|authorization|bearer)", re.IGNORECASE)


def _unrecorded(default: Any = dataclasses.MISSING) -> Any:
    """A field that says where and how patiently is asked: no caption depends on it, and it is nobody's business."""
    return dataclasses.field(default=default, metadata={"recorded": False})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An OpenAI-compatible server of chat completions: vLLM, `transformers serve`, a hosted one.

    Example::

        Caption(
            teacher="served", family="endpoint", checkpoint="Qwen/Qwen3-VL-4B-Instruct",
            endpoint=Endpoint(url="http://localhost:8000/v1"),
        )
    """

    url: str = _unrecorded()
    """Up to and with ``/v1``; http or https, without a user, a key or a query in it."""
    key_variable: str | None = _unrecorded(None)
    """The environment variable that holds the key; ``None``: no key is sent. The key itself is never stored."""
    concurrency: int = _unrecorded(8)
    """Requests under way at once, of each worker process. A batch of rows should hold several times as many."""
    timeout_seconds: float = _unrecorded(120.0)
    """For one answer, from the connection to its last byte."""
    patience_seconds: float = _unrecorded(300.0)
    """How long a request is tried again while the server is away, overloaded or says that it is. While it has been
    away for longer, every clip tries once, until it is back. Keep it below the time limit of a video in ``curate``."""
    jpeg_quality: int = 90
    """Of the frames that are sent."""
    extra: tuple[tuple[str, Setting], ...] = ()
    """Further fields of each request, such as ``("repetition_penalty", 1.05)``; ``None`` takes a field out."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url={self._shown()!r}: expected http://HOST/v1 or https://HOST/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                f"url={self._shown()!r} holds more than an address; a key belongs into an environment variable, whose "
                f"name is key_variable"
            )
        if self.key_variable is not None and not _VARIABLE.fullmatch(self.key_variable):
            raise ValueError("key_variable is not shown, it looks like a key: expected a variable's name, as MY_KEY")
        if secret := next((name for name, _ in self.extra if _SECRET.fullmatch(name)), None):
            raise ValueError(
                f"extra holds {secret!r}: fields of a request are recorded; a key belongs into an environment "
                f"variable, whose name is key_variable"
            )
        if self.concurrency < 1 or not (self.timeout_seconds > 0 and self.patience_seconds >= 0):
            raise ValueError(
                f"concurrency={self.concurrency}, timeout_seconds={self.timeout_seconds}, patience_seconds="
                f"{self.patience_seconds}: expected at least 1, more than 0, at least 0"
            )
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality={self.jpeg_quality}: expected 1 to 100")

    def _shown(self) -> str:
        """The address without what may be secret in it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
