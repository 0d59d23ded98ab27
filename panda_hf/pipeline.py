"""The pipeline of the paper as a list of steps, top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from panda_hf.captioning import Caption, SampleFrames
from panda_hf.captioning.registry import DEFAULT_SET, expanded
from panda_hf.clips import explode_clips
from panda_hf.measuring import DesirableFiltering, MaxRunningLPIPS, MeasureFrames
from panda_hf.measuring.frames import MEASURES
from panda_hf.models.release import release_models
from panda_hf.selection import Select
from panda_hf.splitting import Split, SplitSettings
from panda_hf.stage import AnyDataset, Stage, apply

Preset = Literal["mini"]
Step = Stage | Callable[[Any], Any]
"""A stage, or ``explode_clips``."""


def panda_70m(
    preset: Preset = "mini",
    *,
    split: SplitSettings | None = None,
    embedder: str = "descriptor",
    teachers: Sequence[str | Caption] = (DEFAULT_SET,),
    selector: str = "mini/selector",
    rerank: int | Literal["all"] | None = None,
    min_score: float | None = None,
    backend: Literal["pyav", "decord", "torchcodec"] = "pyav",
    measures: Sequence[str] = (),
) -> list[Step]:
    """Split, caption with every teacher, select: Panda-70M, section 3.

    Args:
        preset: which set of checkpoints. ``mini`` is shipped in the package and runs on two CPU cores.
        split: thresholds of the splitting; ``None`` takes those that suit the embedder.
        embedder: what stitches shots: ``descriptor``, or a transformers vision model by Hub id or path.
        teachers: names of the teachers whose captions compete, or of sets of them: ``mini``, ``paper``, ``modern``,
            ``laptop``; for a model of your own, or one that is served, its ``Caption`` stage.
        selector: checkpoint of the retrieval model that chooses.
        rerank: let its matching head choose among all candidates, or among so many of the highest matching scores;
            ``None``: the matching score chooses.
        min_score: clips of which even the best caption scores below it are set aside; ``None``: none are.
        backend: decoder of the sampled frames.
        measures: what else to measure of each clip: names of :data:`panda_hf.measuring.frames.MEASURES`, ``desirable``
            (with all of these), ``lpips``.

    Returns:
        The steps for :func:`run_steps` or :func:`panda_hf.curate`.
    """
    if preset != "mini":
        raise ValueError(f"preset={preset!r}: only 'mini' has checkpoints so far")
    captions = _caption_stages(teachers)
    return [
        Split(settings=split, embedder=embedder),
        explode_clips,
        SampleFrames(backend=backend),
        *measure_stages(measures),
        *captions,
        Select(
            teachers=tuple(stage.teacher for stage in captions), selector=selector, rerank=rerank, min_score=min_score
        ),
    ]


def measure_stages(names: Sequence[str], *, lpips_weights: str | None = None) -> list[Stage]:
    """The stages that measure clips of which frames were sampled.

    Args:
        names: see ``measures`` of :func:`panda_70m`.
        lpips_weights: see :class:`~panda_hf.measuring.MaxRunningLPIPS`.

    Raises:
        ValueError: for a name that is none of them.
    """
    if unknown := [name for name in names if name not in (*MEASURES, "desirable", "lpips")]:
        raise ValueError(
            f"there is no measure called {unknown[0]!r}; choose among {', '.join(MEASURES)}, desirable, lpips"
        )
    own = tuple(name for name in MEASURES if name in names or "desirable" in names)
    stages: list[Stage] = [MeasureFrames(measures=own)] if own else []
    stages += [DesirableFiltering()] if "desirable" in names else []
    return stages + ([MaxRunningLPIPS(weights=lpips_weights)] if "lpips" in names else [])


def _caption_stages(teachers: Sequence[str | Caption]) -> list[Caption]:
    """One stage for each teacher, in order; a name that comes again, alone or in a set, adds none."""
    stages: dict[str, Caption] = {}
    for one in teachers:
        new = (one,) if isinstance(one, Caption) else (Caption(teacher=name) for name in expanded([one]))
        for stage in new:
            if stages.setdefault(stage.teacher, stage) != stage:
                raise ValueError(f"two different teachers are called {stage.teacher!r}; give one another name")
    return list(stages.values())


def run_steps(dataset: AnyDataset, steps: Sequence[Step], *, batch_size: int | None = None) -> AnyDataset:
    """Run the steps over an eager or a streamed dataset of video rows, each by ``apply``.

    Of an eager dataset each step is done with all rows before the next begins, and its models are released then: large
    teachers follow one another on one GPU. The steps of a stream run side by side, so all their models must fit.
    """
    for number, step in enumerate(steps):
        if number:
            release_models()
        dataset = apply(dataset, step, batch_size=batch_size) if isinstance(step, Stage) else step(dataset)
    return dataset
