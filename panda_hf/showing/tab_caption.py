"""The tab "Caption a clip": one clip, every teacher's sentence, the choice, what the words change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from panda_hf.errors import CheckpointError
from panda_hf.showing import pages
from panda_hf.showing.captions import caption_clip
from panda_hf.showing.cast import MODELS
from panda_hf.showing.desk import EXPECTED, Chosen, Desk, Shown, given, told
from panda_hf.showing.student import Words, load_student
from panda_hf.stage import Row

WARM = "warm-up"


@dataclass(frozen=True)
class CaptionTab:
    """Captions for the visitors of a desk."""

    desk: Desk

    def caption(self, key: str | None, words: Words, chosen: Chosen) -> Iterator[Shown]:
        """Caption the clip that the visitor gave, telling of every step."""
        desk, result = self.desk, ""
        with desk.visits.of(key) as visit:
            try:
                cast = desk.choices.cast(*chosen)
                for state in caption_clip(given(visit, "clip"), words, cast, desk.visits.helpers, desk.limits):
                    result = pages.captioned(state, cast)
                    yield Shown(pages.working(state.doing), result)
            except EXPECTED as error:
                yield Shown(pages.problem(told(error)), result)

    def call(self, door: str, upload: str, words: Words) -> Row:
        """The whole of it for a program behind a door; nothing is kept, the upload neither.

        Raises:
            PandaError: when it cannot be done.
        """
        desk = self.desk
        with desk.visits.passing(door) as visit:
            film = desk.visits.take_over(visit, upload, one_clip=True)
            states = list(caption_clip(film, words, desk.choices.default, desk.visits.helpers, desk.limits))
            return states[-1].as_row()

    def warm_up(self) -> threading.Thread:
        """Load models and helpers while the first visitors read, by captioning an example.

        The process that decodes starts beside the loading of the student: both take seconds.
        """
        thread = threading.Thread(target=self._warm_up, name=WARM, daemon=True)
        thread.start()
        return thread

    def _warm_up(self) -> None:
        helper = threading.Thread(target=self.desk.visits.helpers.warm, name=f"{WARM} of a helper", daemon=True)
        helper.start()
        student = self.desk.choices.default.student
        if student is not None:
            with suppress(CheckpointError), MODELS.turn():  # told to the visitor who meets it
                load_student(student)
        helper.join()
        if self.desk.examples["clip"]:
            self.desk.example(WARM, "clip", 0)
            for _ in self.caption(WARM, Words(), (None, (), None)):
                pass
            self.desk.leave(WARM)
