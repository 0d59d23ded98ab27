"""What all tabs of the page share: the models, the limits, the visitors and the video that each of them gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from panda_hf.errors import PandaError, VideoError
from panda_hf.publishing.hub.scrub import Scrub
from panda_hf.showing import pages
from panda_hf.showing.cast import Choices
from panda_hf.showing.films import ExampleFilm, load_examples
from panda_hf.showing.limits import Limits
from panda_hf.showing.visits import Film, Visit, Visits

EXPECTED = (PandaError, ValueError, OSError)
"""What is told in words; everything else is a mistake of ours."""

Kind = Literal["clip", "film"]
"""A video that is captioned as one clip, or one that is split."""
Chosen = tuple[str | None, Sequence[str], str | None]
"""Student, teachers and selector that a visitor chose; ``None`` and empty: the default."""


class Shown(NamedTuple):
    """What to show, as HTML: what is being done, and the result so far."""

    doing: str
    result: str


@dataclass
class Desk:
    """Where visitors come in."""

    choices: Choices
    limits: Limits
    datasets: tuple[str, ...] = ()
    """Folders and Hub ids that every visitor may explore. Where ``choices.free``, any other too."""
    examples: dict[Kind, list[ExampleFilm]] = field(default_factory=dict)
    visits: Visits = field(init=False)

    def __post_init__(self) -> None:
        self.visits = Visits(self.limits)

    @classmethod
    def open(
        cls, choices: Choices, limits: Limits, *, datasets: Sequence[str] = (), examples: Path | None = None
    ) -> Desk:
        """A desk with the example films of a folder."""
        clips, films = load_examples(examples)
        return cls(choices, limits, tuple(datasets), {"clip": clips, "film": films})

    def take(self, key: str | None, upload: str, kind: Kind) -> str:
        """Take over a visitor's upload; the player, or why it is refused."""
        with self.visits.of(key) as visit:
            try:
                forget(visit, kind)
                film = self.visits.take_over(visit, upload, one_clip=kind == "clip")
            except EXPECTED as error:
                return pages.problem(told(error))
            visit.things[kind] = film
            return player(film)

    def example(self, key: str | None, kind: Kind, index: int) -> tuple[ExampleFilm, str]:
        """Take an example in place of an upload; it and its player."""
        chosen = self.examples[kind][index]
        with self.visits.of(key) as visit:
            forget(visit, kind)
            visit.things[kind] = film = Film(chosen.path, chosen.name, chosen.info, chosen.path)
            return chosen, player(film)

    def leave(self, key: str | None) -> None:
        """The visitor closed the page: everything of theirs is deleted."""
        self.visits.leave(key)


def told(error: Exception) -> str:
    """An error in words, without paths of this machine."""
    return Scrub()(str(error) or type(error).__name__)


def given(visit: Visit, kind: Kind) -> Film:
    """The video that the visitor gave.

    Raises:
        VideoError: when there is none.
    """
    if kind not in visit.things:
        raise VideoError("There is no video yet. Upload one, or take an example.")
    film: Film = visit.things[kind]
    return film


def forget(visit: Visit, kind: Kind) -> None:
    """Delete the visitor's last upload of this kind, and what was made of it."""
    film: Film | None = visit.things.pop(kind, None)
    if kind == "film":
        visit.things.pop("long", None)
    if film is not None and film.path.parent == visit.folder:
        film.path.unlink(missing_ok=True)
        film.playable.unlink(missing_ok=True)


def player(film: Film) -> str:
    """The player of a video."""
    about = pages.about_film(film.seconds, film.info.width, film.info.height)
    return pages.player(film.playable, film.name, about)
