"""A bar that says how much of a file is done."""

from __future__ import annotations

from typing import Any


class ByteProgress:
    """A bar on the terminal; none where standard error goes elsewhere. A context manager, called with each step."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._name = ""

    def __enter__(self) -> ByteProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, name: str, done: int, size: int) -> None:
        """Show that ``done`` of ``size`` bytes of ``name`` are done; another name begins another bar."""
        from tqdm import tqdm

        if name != self._name:
            self.__exit__()
            self._name = name
            self._bar = tqdm(total=size, desc=name, unit="B", unit_scale=True, disable=None, leave=False)
        self._bar.update(done - self._bar.n)
