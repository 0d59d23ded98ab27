"""Distil the miniature's student from those captions of all teachers that the miniature's selector prefers."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch

from panda_hf.mini.lessons import named_by
from panda_hf.mini.selector_model import IMAGE_SIZE
from panda_hf.mini.selector_teachers import TEACHERS, Judged, fingerprint, judged_clips
from panda_hf.mini.side_by_side import helpers, results
from panda_hf.mini.student_data import PickedClips, without_guessed_names
from panda_hf.mini.student_eyes import SELECTOR, STUDENT, Eyes, known_eyes, student_eyes
from panda_hf.mini.student_model import START, WholePictures, processor_of, student, video_llama
from panda_hf.mini.student_reading import REPEAT, learn_to_read
from panda_hf.mini.teacher_data import saved_text
from panda_hf.mini.train_selector import HELD_ASIDE
from panda_hf.mini.train_teachers import fast_bf16
from panda_hf.mini.world import Split
from panda_hf.models.checkpoints import resolve
from panda_hf.models.student import PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.selection.scorer import load_scorer
from panda_hf.selection.select import score_candidates
from panda_hf.training.captioner import save_half
from panda_hf.training.states import last_complete_checkpoint
from panda_hf.training.student import train_student
from panda_hf.training.student_settings import StudentSettings

log = logging.getLogger(__name__)

FROZEN: tuple[Literal["vision"], ...] = ("vision",)
"""The paper freezes Q-Former and language model too. Here both learn: their eyes are new to the queries,
and queries that stay as they are do not find what other teachers tell."""
CLIPS = 4_500
"""To learn from, captioned by all teachers."""
AT_ONCE = 50
"""Clips that a process scores at once, or captions."""
MONITORED = 100
"""Clips of the training split that nothing is learned from: the loss on them is noted while training."""
SETTINGS = StudentSettings(
    steps=700,
    batch_size=32,
    learning_rate=8e-4,
    first_rate=1e-5,
    last_rate=2e-5,
    warmup_steps=60,
    max_grad_norm=1.0,
    precision="bf16" if fast_bf16() else "fp32",
    save_every=100,
)
"""The paper's, but for higher rates, smaller batches and fewer steps."""


Scores = list[list[float | None]]
"""Of the selector: for each clip one per caption, ``None`` where there is none."""


@dataclass
class Picks:
    """Clips with the teachers' captions, and how the selector scored each.

    Args:
        work: where the teachers' captions, the scores and unfinished students lie.
        scale: of the number of clips; small for a trial.
        from_scratch: let eyes learn to see; else they are the shipped student's, which nothing is taught anyway.
        resume: take up what lessons of seeing left unfinished.
    """

    work: Path
    scale: float = 1.0
    from_scratch: bool = False
    resume: bool = True

    @cached_property
    def name(self) -> str:
        """Differs where what is learned from does."""
        scratch = "-from-scratch" if self.from_scratch else ""
        return f"{self._count(CLIPS)}-{who_chose(TEACHERS)}{scratch}"

    @cached_property
    def train(self) -> PickedClips:
        """To learn from; without captions of which a name was guessed."""
        clips, scores = self._train
        return PickedClips(clips[MONITORED:], scores[MONITORED:])

    @cached_property
    def monitored(self) -> PickedClips:
        """To watch the training with."""
        clips, scores = self._train
        return PickedClips(clips[:MONITORED], scores[:MONITORED], varied=False)

    @cached_property
    def held_aside(self) -> PickedClips:
        """To measure with: of the validation split, whose combinations of shape, colour and action nobody trained
        on."""
        return PickedClips(*self._scored("validation", self.counts["validation"]), varied=False)

    @cached_property
    def eyes(self) -> Eyes:
        """What students begin to see with."""
        other = video_llama()[0].vision_model
        if self.from_scratch:
            return student_eyes(self.work, other, resume=self.resume, scale=self.scale)
        return known_eyes(other, [clip.frames for clip in self.monitored.clips])

    @cached_property
    def _train(self) -> tuple[list[Judged], Scores]:
        clips, scores = self._scored("train", self.counts["train"])
        return clips, [without_guessed_names(clip, row) for clip, row in zip(clips, scores, strict=True)]

    def _count(self, full: int) -> int:
        return max(MONITORED + 50, round(full * self.scale))

    def _scored(self, split: Split, count: int) -> tuple[list[Judged], Scores]:
        clips = judged_clips(split, count, self.judged, IMAGE_SIZE)
        with helpers(1) as here:
            return clips, scored(here, clips, self.scores_file(split, count))

    @property
    def judged(self) -> Path:
        """The folder of clips with the teachers' captions, which the selector's training keeps too."""
        return self.work / "selector" / "judged"

    @property
    def counts(self) -> dict[Split, int]:
        """Clips of each split that are captioned and scored."""
        return {"train": self._count(CLIPS), "validation": self._count(HELD_ASIDE)}

    def scores_file(self, split: Split, count: int) -> Path:
        """Where the scores lie, for the same teachers and the same selector."""
        return self.work / "student" / f"scores-{split}-{count}-{who_chose(TEACHERS)}.json"


def scored(pool: Executor, clips: Sequence[Judged], path: Path) -> Scores:
    """The selector's scores of the clips' captions, made by ``pool`` and kept in ``path``."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = [pool.submit(_scores_of, clips[start : start + AT_ONCE]) for start in range(0, len(clips), AT_ONCE)]
        rows = [row for part in results(parts) for row in part]
        saved_text(path, json.dumps(rows))
    return list(json.loads(path.read_text(encoding="utf-8")))


def who_chose(teachers: Sequence[str]) -> str:
    """A name for the present weights of the selector and of teachers: others would prefer other captions."""
    selector = hashlib.sha256((Path(resolve(SELECTOR)) / "model.safetensors").read_bytes()).hexdigest()
    return hashlib.sha256(" ".join([selector, *map(fingerprint, teachers)]).encode()).hexdigest()[:12]


def _scores_of(clips: Sequence[Judged]) -> Scores:
    scorer = load_scorer(SELECTOR, None, None, None)
    return [score_candidates(scorer, clip.frames, clip.captions) for clip in clips]


def train_student_mini(
    out: Path,
    picks: Picks,
    *,
    seed: int = 0,
    resume: bool = True,
    steps_scale: float = 1.0,
    settings: StudentSettings = SETTINGS,
    frozen: Sequence[Any] = FROZEN,
) -> dict[str, float]:
    """Train a student and save it, weights as float16.

    Args:
        out: folder of the checkpoint; replaced whole.
        picks: what to learn from.
        seed: of new weights, order, drawn captions and dropped words.
        resume: go on where an interrupted run with the same settings stopped.
        steps_scale: multiplies the steps; small for a trial.
        settings: how to train.
        frozen: parts that stay as they are.

    Returns:
        The loss on captions of ``picks.monitored``, without and with text.
    """
    started, worked = time.monotonic(), time.process_time()
    settings = settings_of(seed, steps_scale, settings)
    model, processor = student(picks.eyes, [clip.frames for clip in picks.monitored.clips], seed)
    states = picks.work / "student" / states_name(picks, settings)
    read = {}
    if not (resume and last_complete_checkpoint(states)):  # what was read is in such a state
        scratch = picks.work / "student" / "reading"
        read = learn_to_read(model, processor, picks.train.clips, scratch, seed=seed, scale=steps_scale)
    model.freeze(tuple(frozen))
    torch.manual_seed(seed)
    learning = processor_of(processor, WholePictures)
    found = train_student(model, learning, picks.train, picks.monitored, states, settings, resume=resume)
    save_half(model, processor, out)
    losses = {name: round(value, 4) for name, value in found.items() if name.endswith("loss")}
    made = {
        "command": "panda-hf mini train-student",
        "started_from": START,
        "eyes": f"learned to see from those of {SELECTOR}" + ("" if picks.from_scratch else f", as in {STUDENT}"),
        "data": f"captions that {SELECTOR} prefers among those of {', '.join(TEACHERS)}",
        "split": "train",
        "picks": picks.name,
        "states": states.name,
        "clips": sum(picks.train.parts),
        "held_out_clips": sum(picks.monitored.parts),
        "settings": asdict(settings),
        "adapting": {"frozen": list(frozen)},
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "reading": {name: round(value, 4) for name, value in read.items()},
        "figures": losses,
        "seconds_of_last_run": round(time.monotonic() - started),
        "cpu_seconds": round(time.process_time() - worked),
        "torch": torch.__version__,
    }
    saved_text(out / "training.json", json.dumps(made, indent=2) + "\n")
    return losses


def states_name(picks: Picks, settings: StudentSettings) -> str:
    """The name of a training's states; differs where what it learns, sees with or how it learns does."""
    how = named_by((settings, REPEAT, FROZEN, START), picks.eyes.tower)
    return f"seed-{settings.seed}-{picks.name}-{how}"


def settings_of(seed: int, steps_scale: float, settings: StudentSettings = SETTINGS) -> StudentSettings:
    """Those of one student: ``steps_scale`` multiplies the steps."""
    steps = max(2, round(settings.steps * steps_scale))
    return replace(settings, steps=steps, seed=seed, save_every=min(settings.save_every or steps, steps))


def load(checkpoint: str | Path) -> tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor]:
    """A finished student in evaluation mode, and its processor."""
    folder = resolve(str(checkpoint))
    model = PandaStudentForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), PandaStudentProcessor.from_pretrained(folder)


@torch.inference_mode()
def write(
    model: PandaStudentForConditionalGeneration,
    processor: PandaStudentProcessor,
    clips: Sequence[Judged],
    *,
    text: bool,
    at_once: int = AT_ONCE,
) -> list[str]:
    """The student's captions, word by word the likeliest; a caption does not depend on the other clips."""
    captions: list[str] = []
    for start in range(0, len(clips), at_once):
        shown = clips[start : start + at_once]
        known: dict[str, Any] = {}
        if text:
            known = {"subtitles": [clip.subtitle for clip in shown],
                     "metadata": [(clip.title, clip.description) for clip in shown]}  # fmt: skip
        inputs = processor(videos=[clip.frames for clip in shown], **known)
        ids = model.generate(**inputs, max_new_tokens=40, do_sample=False)
        captions += [one.strip() for one in processor.batch_decode(ids, skip_special_tokens=True)]
    return captions
