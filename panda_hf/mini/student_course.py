"""The student's way from nothing to the figures of Table 4, by processes side by side.

The teachers caption, the selector scores, students of several seeds learn and caption: each piece is handed to
whatever process is free. Between processes go only files, settings and captions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from panda_hf.mini.selector_model import IMAGE_SIZE
from panda_hf.mini.selector_teachers import TEACHERS, judged_clips, to_caption
from panda_hf.mini.side_by_side import helpers, results
from panda_hf.mini.student_study import SELECTION, WITH, WITHOUT, selected
from panda_hf.mini.train_student import Picks, load, scored, settings_of, states_name, train_student_mini, write


@dataclass(frozen=True, kw_only=True)
class Course:
    """What is to be done, and by how many.

    Args:
        work, scale, from_scratch, resume: as of :class:`~panda_hf.mini.train_student.Picks`.
        steps_scale: multiplies steps; small for a trial.
        processes: of one thread each; captions do not depend on them, weights and figures up to rounding.
    """

    work: Path
    scale: float = 1.0
    from_scratch: bool = False
    resume: bool = True
    steps_scale: float = 1.0
    processes: int = 3

    @property
    def picks(self) -> Picks:
        """What students learn from and are measured with."""
        return Picks(self.work, self.scale, self.from_scratch, self.resume)


def prepare(course: Course) -> Picks:
    """Let teachers caption and the selector score what they have not yet.

    Raises:
        PandaError: when a process died without a word; what another one raised is raised here, and all are ended.
    """
    picks = course.picks
    counts = picks.counts.items()
    with helpers(min(course.processes, os.cpu_count() or 1)) as pool:
        results([one for split, count in counts for one in to_caption(pool, split, count, picks.judged, IMAGE_SIZE)])
        for split, count in counts:
            scored(pool, judged_clips(split, count, picks.judged, IMAGE_SIZE), picks.scores_file(split, count))
    return picks


def learn(course: Course, folders: Sequence[Path]) -> None:
    """Train the students that are not finished; the place of a folder is its seed."""
    picks, seeds = course.picks, dict(enumerate(folders))
    if course.resume:
        seeds = {seed: folder for seed, folder in seeds.items() if not is_finished(folder, picks, seed, course)}
    if seeds and course.from_scratch:
        _ = picks.eyes  # learned here, so that several processes only read them
    with helpers(min(course.processes, len(seeds))) as pool:
        results([pool.submit(_train, folder, course, seed) for seed, folder in seeds.items()])


def is_finished(folder: Path, picks: Picks, seed: int, course: Course) -> bool:
    """Whether a student lies there that learned as it would now, from what the present teachers and selector say."""
    record = folder / "training.json"
    if not record.is_file():
        return False
    try:
        made = json.loads(record.read_text(encoding="utf-8"))
    except ValueError:  # the machine stopped while it was written
        return False
    return bool(made.get("states") == states_name(picks, settings_of(seed, course.steps_scale)))


def captions(course: Course, folders: Sequence[Path]) -> dict[str, list[list[str]]]:
    """Of the clips held aside, by method; one list for each student."""
    picks = course.picks
    held = picks.held_aside.clips
    said = {name: [[clip.captions[k] for clip in held]] for k, name in enumerate(TEACHERS)}
    said[SELECTION] = [selected(picks.held_aside)]
    with helpers(min(course.processes, 2 * len(folders))) as pool:
        for name, text in ((WITHOUT, False), (WITH, True)):
            said[name] = _written(pool, course, folders, text)
    return said


def _written(pool: Executor, course: Course, folders: Sequence[Path], text: bool) -> list[list[str]]:
    return results([pool.submit(_write, folder, course, text) for folder in folders])


def _train(folder: Path, course: Course, seed: int) -> None:
    picks = replace(course.picks, resume=True)  # eyes that had to learn have done so
    train_student_mini(folder, picks, seed=seed, resume=course.resume, steps_scale=course.steps_scale)


def _write(folder: Path, course: Course, text: bool) -> list[str]:
    return write(*load(folder.resolve()), course.picks.held_aside.clips, text=text)
