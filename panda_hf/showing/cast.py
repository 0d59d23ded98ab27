"""Who plays: the student, the teachers and the selector of this page, and which others a visitor may choose."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from panda_hf.captioning import Caption
from panda_hf.captioning.registry import DEFAULT_SET, expanded, teachers_of
from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import check_folder, resolve, shipped
from panda_hf.pipeline import Step, panda_70m
from panda_hf.selection import Select
from panda_hf.splitting import Split, SplitSettings

MINI_STUDENT = "mini/student"
"""The student of this page wherever the package ships it."""
NO_STUDENT = "none"
"""What a visitor chooses to have no student."""
READS = frozenset(("text", "subtitle", "metadata"))


@dataclass(frozen=True)
class Cast:
    """One choice of models. Checkpoints are ``mini/<name>``, folders or Hub ids."""

    student: str | None
    teachers: tuple[str, ...]
    selector: str

    def steps(self, split: SplitSettings | None = None) -> list[Step]:
        """The paper's pipeline with these models, without the student."""
        return panda_70m(split=split, teachers=self.teachers, selector=self.selector)

    def captions(self) -> list[Caption]:
        """The stages of the teachers."""
        return [step for step in self.steps() if isinstance(step, Caption)]

    def select(self) -> Select:
        """The stage that chooses."""
        return next(step for step in self.steps() if isinstance(step, Select))

    def split(self, settings: SplitSettings | None = None) -> Split:
        """The stage that splits."""
        return next(step for step in self.steps(settings) if isinstance(step, Split))

    def readers(self) -> list[Caption]:
        """The teachers that are told words: title, description or subtitle."""
        return [stage for stage in self.captions() if READS & set(stage.card().sees)]

    def check(self) -> None:
        """Raise ``CheckpointError`` for a model that is not there; nothing is loaded, Hub ids are not looked up."""
        for stage in self.captions():
            stage.check()
        check_folder(resolve(self.selector))
        if self.student is not None:
            check_folder(resolve(self.student))


@dataclass(frozen=True)
class Choices:
    """What can be chosen on the page. ``free``: also any other checkpoint, for a page on one's own machine."""

    default: Cast
    students: tuple[str, ...]
    teachers: tuple[str, ...]
    selectors: tuple[str, ...]
    free: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, *, free: bool = False) -> Choices:
        """The choices of ``PANDA_STUDENT``, ``PANDA_TEACHERS`` and ``PANDA_SELECTOR``.

        Each is a list with commas, of which the first student and selector and all teachers are the default. Without
        them it is the pipeline's default, and the shipped student where there is one.

        Raises:
            CheckpointError: when a folder or a miniature among them is missing.
            ValueError: for an unknown teacher.
        """
        found = os.environ if environment is None else environment
        standard = default_cast()
        students = _listed(found.get("PANDA_STUDENT")) or ((standard.student,) if standard.student else ())
        selectors = _listed(found.get("PANDA_SELECTOR")) or (standard.selector,)
        teachers = expanded(_listed(found.get("PANDA_TEACHERS")) or standard.teachers)
        default = Cast(None if students[:1] in ((), (NO_STUDENT,)) else students[0], teachers, selectors[0])
        default.check()
        known = [s for s in shipped() if s == MINI_STUDENT]
        return cls(
            default,
            tuple(dict.fromkeys((*students, *known, NO_STUDENT))),
            tuple(dict.fromkeys((*teachers, *teachers_of(DEFAULT_SET)))),
            tuple(dict.fromkeys((*selectors, standard.selector))),
            free,
        )

    def cast(self, student: str | None, teachers: Sequence[str], selector: str | None) -> Cast:
        """What a visitor chose; nothing chosen is the default.

        Raises:
            CheckpointError: for a model that is not offered, or not there.
        """
        wanted = student or self.default.student or NO_STUDENT
        chosen = Cast(
            None if wanted == NO_STUDENT else self._offered(wanted, self.students, "student"),
            tuple(self._offered(name, self.teachers, "teacher") for name in teachers or self.default.teachers),
            self._offered(selector or self.default.selector, self.selectors, "selector"),
        )
        chosen.check()
        return chosen

    def _offered(self, name: str, offered: Sequence[str], kind: str) -> str:
        name = name.strip()
        if name in offered or (self.free and kind != "teacher"):
            return name
        raise CheckpointError(
            f"This page does not offer the {kind} {name!r}; it has {', '.join(offered)}. "
            f"On your own machine `panda-hf space` takes any."
        )


def default_cast() -> Cast:
    """The teachers and the selector of ``panda_70m()``, and the shipped student where there is one."""
    steps = panda_70m()
    teachers = tuple(step.teacher for step in steps if isinstance(step, Caption))
    selector = next(step.selector for step in steps if isinstance(step, Select))
    return Cast(MINI_STUDENT if MINI_STUDENT in shipped() else None, teachers, selector)


def _listed(value: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (value or "").split(",") if part.strip())


@dataclass
class Turns:
    """Whose turn it is with the models: one at a time, in the order in which they came.

    Tokenizers must not be used by two threads at once, and two captions side by side on two cores are not sooner done.
    """

    _next: int = 0
    _serving: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and give it on afterwards."""
        with self._changed:
            ticket, self._next = self._next, self._next + 1
            self._changed.wait_for(lambda: self._serving == ticket)
        try:
            yield
        finally:
            with self._changed:
                self._serving += 1
                self._changed.notify_all()


MODELS = Turns()
"""Of this process."""
