"""`Desk`: what each annotator sees next, and what becomes of their answers. No web in here."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from panda_hf.annotation.agreement import overall, pairwise
from panda_hf.annotation.answers import Answer, Mode, annotator_name, duration, now
from panda_hf.annotation.media import Media
from panda_hf.annotation.orders import caption_order, clip_order
from panda_hf.annotation.store import AnswerStore
from panda_hf.annotation.tasks import NO_MEDIA, Task, Tasks
from panda_hf.errors import VideoError

ANSWERS, PLAYABLE = "answers", "playable"
"""Folders inside the folder of an annotation."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What one person sees: one clip, or that all are done.

    Attributes:
        annotator: who.
        clip_id: ``None`` when no clip is left.
        file: the clip as a file that browsers play.
        captions: in the order in which this person sees them.
        order: which caption of the task stands at each place.
        candidates: digest of the captions.
        chosen: places, as shown, of an earlier answer to this clip; ``None``: not answered yet; empty: all bad.
        position: of the clip in this person's order, from 1.
        done: clips that this person answered.
        total: clips.
    """

    annotator: str
    clip_id: str | None = None
    file: Path | None = None
    captions: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    candidates: str = ""
    chosen: tuple[int, ...] | None = None
    position: int = 0
    done: int = 0
    total: int = 0


class Desk:
    """One annotation: clips, answers, and the orders of everybody.

    Example::

        desk = Desk(Tasks.open("panda-out"), "annotations", mode="best")
        view = desk.view("Ada")
        desk.answer("Ada", view.clip_id, view.candidates, places=[2], seconds=7.5)
    """

    def __init__(self, tasks: Tasks, out: str | Path, *, mode: Mode = "best", shared: int = 0, seed: int = 0) -> None:
        """Open the folder ``out``, or go on with what is there.

        Args:
            tasks: the clips.
            out: where answers and playable clips go.
            mode: ``best``: one caption per clip; ``good``: any number.
            shared: see :func:`~panda_hf.annotation.orders.clip_order`.
            seed: another seed, other orders.
        """
        self.tasks, self.mode, self.shared, self.seed = tasks, mode, shared, seed
        self.store = AnswerStore(Path(out) / ANSWERS)
        self.media = Media(tasks, Path(out) / PLAYABLE)
        self._orders: dict[str, list[str]] = {}
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="next clip")
        self._lock = threading.Lock()

    def view(self, annotator: str, clip_id: str | None = None, step: int = 0) -> View:
        """A clip as ``annotator`` sees it.

        Args:
            annotator: who.
            clip_id: the clip to start from; ``None``: the first one that is not answered.
            step: that many clips further in this person's order, or back.

        Returns:
            The view; one without clip when ``clip_id`` is ``None`` and all are answered.
        """
        name = annotator_name(annotator)
        order, answers = self._order(name), self._answers(name)
        at = order.index(clip_id) if clip_id in order else None
        if at is None:
            wanted = [clip for clip in order if clip not in answers]
        elif step < 0:
            wanted = order[at + step :: -1] if at + step >= 0 else order[:1]
        else:
            wanted = order[at + step :] or order[-1:]
        for clip in wanted:
            if (file := self._file(clip)) is not None:
                self._prepare_after(clip, order, answers)
                return self._view(name, clip, file)
        return View(annotator=name, done=len(answers), total=len(self._order(name)))

    def answer(
        self, annotator: str, clip_id: str, candidates: str, places: Sequence[int], seconds: float | None = None
    ) -> View:
        """Keep an answer; it is on disk when this returns.

        Args:
            annotator: who.
            clip_id: of which clip.
            candidates: digest of the captions that were shown.
            places: of the chosen captions as shown, from 0; none: all bad.
            seconds: from sight to answer.

        Returns:
            The next clip that is not answered.

        Raises:
            ValueError: when the answer cannot be one to this clip.
            OSError: when it could not be written.
        """
        name, task = annotator_name(annotator), self._task(clip_id)
        if candidates != task.digest:
            raise ValueError(f"the captions of clip {clip_id!r} have changed meanwhile. Reload the page.")
        shown = self._shown(name, task)
        if any(not 0 <= place < len(shown) for place in places):
            raise ValueError(f"places {list(places)} are not among the {len(shown)} captions of clip {clip_id!r}")
        self.store.add(
            Answer(
                annotator=name,
                clip_id=clip_id,
                chosen=tuple(sorted(shown[place] for place in places)),
                candidates=task.digest,
                shown=shown,
                mode=self.mode,
                seconds=duration(seconds),
                at=now(),
            )
        )
        return self.view(name)

    def undo(self, annotator: str) -> View | None:
        """Take back this person's last answer, and show its clip; ``None`` when there is none.

        Raises:
            OSError: when that could not be written.
        """
        name = annotator_name(annotator)
        taken = self.store.undo(name)
        return None if taken is None else self.view(name, taken.clip_id if taken.clip_id in self.tasks else None)

    def agreement(self) -> dict[str, Any]:
        """How far people agree, for showing: overall and for every two of them, best known pairs first."""
        answers = self.store.all()
        total = overall(answers)
        pairs = sorted(pairwise(answers).items(), key=lambda item: (-item[1].clips, item[0]))
        return {
            "annotators": {name: len(said) for name, said in answers.items()},
            "overall": None if total is None else vars(total),
            "pairs": [{"names": list(names), **vars(one)} for names, one in pairs],
        }

    def _order(self, name: str) -> list[str]:
        with self._lock:
            if name not in self._orders:
                self._orders[name] = clip_order(name, self.tasks.clip_ids, shared=self.shared, seed=self.seed)
            return [clip for clip in self._orders[name] if clip in self.tasks]

    def _answers(self, name: str) -> dict[str, Answer]:
        """Answers to clips that are still there, with the captions that they have now."""
        self.store.refresh()
        return {clip: said for clip, said in self.store.of(name).items() if self.tasks.is_answered_by(said)}

    def _task(self, clip_id: str) -> Task:
        if clip_id not in self.tasks:
            raise ValueError(f"there is no clip {clip_id!r} in {self.tasks.tables.dataset}. Reload the page.")
        return self.tasks.task(clip_id)

    def _shown(self, name: str, task: Task) -> tuple[int, ...]:
        return caption_order(name, task.clip_id, len(task.captions), seed=self.seed)

    def _view(self, name: str, clip_id: str, file: Path) -> View:
        task, order, answers = self.tasks.task(clip_id), self._order(name), self._answers(name)
        shown, said = self._shown(name, task), answers.get(clip_id)
        view = View(
            annotator=name,
            clip_id=clip_id,
            file=file,
            captions=tuple(task.captions[k] for k in shown),
            order=shown,
            candidates=task.digest,
            position=order.index(clip_id) + 1,
            done=len(answers),
            total=len(order),
        )
        if said is None:
            return view
        return replace(view, chosen=tuple(place for place, k in enumerate(shown) if k in said.chosen))

    def _file(self, clip_id: str) -> Path | None:
        try:
            return self.media.file(clip_id)
        except KeyError:  # another window has skipped it
            return None
        except (VideoError, OSError) as error:
            self.tasks.skip(clip_id, NO_MEDIA if not isinstance(error, VideoError) else "media cannot be read")
            return None

    def _prepare_after(self, clip_id: str, order: list[str], answers: dict[str, Answer]) -> None:
        """Have the next clip cut while this one is watched."""
        later = order[order.index(clip_id) + 1 :]
        following = next((clip for clip in later if clip not in answers), None)
        if following is not None:
            self._ahead.submit(self._file, following)
