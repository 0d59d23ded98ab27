"""Whether anything moves in a shot, as far as its frames were looked at."""

from __future__ import annotations

from panda_hf.splitting.looks import Look, apart

MOVES = 1.5
"""Frames so many times farther apart than those of a still picture show movement."""


class StillWatch:
    """Watches one shot after another.

    Args:
        still_distance: frames of a still picture are at most so far apart.
    """

    def __init__(self, still_distance: float) -> None:
        self._least = MOVES * still_distance
        self._first: Look | None = None
        self.moves = False
        """Whether a frame of the open shot was seen to differ from its first."""

    @property
    def has_begun(self) -> bool:
        """Whether there was any shot yet."""
        return self._first is not None

    def begin(self, first: Look) -> None:
        """A shot begins."""
        self._first, self.moves = first, False

    def note(self, look: Look) -> None:
        """A later frame of it."""
        if self._first is not None and not self.moves:
            self.moves = apart(self._first, look) > self._least
