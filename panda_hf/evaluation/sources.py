"""What is evaluated: `NAME=FILE` of predictions, or a model by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from panda_hf.captioning import Caption
from panda_hf.captioning.registry import Family, cards
from panda_hf.errors import CheckpointError, SourceError
from panda_hf.evaluation.captioner import Captioner
from panda_hf.evaluation.captioning import Source
from panda_hf.evaluation.names import called, check_names, named
from panda_hf.evaluation.prediction_files import read_predictions
from panda_hf.evaluation.predictions import Predictions
from panda_hf.models.checkpoints import resolve


def captioner_of(
    given: str, *, seeds: Sequence[int] = (), temperature: float = 1.0, top_p: float = 0.9, batch_size: int = 8
) -> Captioner:
    """A captioner by ``mini/...``, the name of a registered teacher, a folder or a Hub id, perhaps as ``NAME=...``.

    Args:
        given: which.
        seeds: draw captions once per seed; none: the one caption that the model's own search finds.
        temperature: of drawn captions.
        top_p: of drawn captions.
        batch_size: videos that the model sees at once.

    Raises:
        CheckpointError: when its configuration cannot be read.
        SourceError: for a temperature or a probability that cannot be.
    """
    name, checkpoint = named(given)
    registered = {card.checkpoint: teacher for teacher, card in cards().items()}
    teacher = checkpoint if checkpoint in cards() else registered.get(checkpoint)
    if teacher is not None:
        stage = Caption(teacher=teacher, model_batch_size=batch_size)
    else:
        stage = _own(checkpoint, batch_size)
    try:
        drawn = replace(stage, sample=True, num_beams=1, temperature=temperature, top_p=top_p) if seeds else stage
        stages = tuple(replace(drawn, seed=seed) for seed in seeds) or (stage,)
    except ValueError as error:
        raise SourceError(f"captions cannot be sampled so: {error}") from error
    return Captioner(name=name, stages=stages)


def model_type_of(checkpoint: str) -> str:
    """What kind of model a checkpoint is, in the words of transformers.

    Raises:
        CheckpointError: when its configuration cannot be read.
    """
    from transformers import AutoConfig

    try:
        return str(AutoConfig.from_pretrained(resolve(checkpoint)).model_type)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{checkpoint!r} is no folder or Hub id of a model that loads: {error}") from error


def _own(checkpoint: str, batch_size: int) -> Caption:
    name = "own_" + re.sub(r"\W", "_", called(checkpoint))
    families: dict[str, Family] = {"blip-2": "blip2", "panda_student": "student"}
    family = families.get(model_type_of(checkpoint), "image_text_to_text")
    return Caption(teacher=name, family=family, checkpoint=checkpoint, model_batch_size=batch_size)


def from_files(given: Sequence[str]) -> list[Source]:
    """Captions of files, each perhaps as ``NAME=FILE``; a name given again is another seed of one model.

    Raises:
        SourceError: when a file cannot be read, or two files would have one name without having been given it.
    """
    sets: dict[str, list[tuple[str, Predictions]]] = {}
    for one in given:
        name, path = named(one)
        sets.setdefault(name, []).append((one, read_predictions(path)))
    for name, held in sets.items():
        if len(held) > 1 and not all(one.startswith(f"{name}=") for one, _ in held):
            check_names([name, name])
    return [
        Source(
            name=name,
            sets=tuple(captions for _, captions in held),
            settings={"predictions": [Path(named(one)[1]).name for one, _ in held]},
        )
        for name, held in sets.items()
    ]
