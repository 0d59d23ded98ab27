"""Fetch many videos in worker processes: a hanging or dying one costs its own video only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from panda_hf.download.options import Fetched, FetchOptions, Wanted


def fetch(
    wanted: Wanted, options: FetchOptions, folder: str | os.PathLike[str], *, time_limit: float | None = 600.0
) -> Fetched:
    """Fetch one video, in a worker process of its own; see :func:`fetch_all`."""
    return next(fetch_all([wanted], options, folder, workers=1, time_limit=time_limit))


def fetch_all(
    wanted: Iterable[Wanted],
    options: FetchOptions,
    folder: str | os.PathLike[str],
    *,
    workers: int = 4,
    time_limit: float | None = 600.0,
) -> Iterator[Fetched]:
    """Fetch videos into ``folder`` and tell of each as it is finished, in any order.

    Args:
        wanted: what to fetch; taken one by one, never all at once.
        options: how.
        folder: made when it is missing. Videos come to lie here as ``<safe id><suffix>``, once complete and checked;
            what is under way lies in ``folder/.part``. Nothing else is written anywhere.
        workers: processes.
        time_limit: seconds for one video, waiting included; then its process and the children of it are ended and
            the video is a ``timeout``. ``None``: no limit.

    Yields:
        One :class:`Fetched` for each of ``wanted``. Closing the iterator ends the workers.
    """
    raise NotImplementedError
