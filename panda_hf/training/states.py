"""Saved states of a training: which one to go on from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import Trainer


def last_complete_checkpoint(out: Path) -> Path | None:
    """The newest checkpoint that was written to its end: ``trainer_state.json`` comes last."""
    complete = [state.parent for state in out.glob("checkpoint-*/trainer_state.json") if _is_json(state)]
    return max(complete, key=lambda folder: int(folder.name.rsplit("-", 1)[1]), default=None)


def last_state(folder: Path, resume: bool) -> str | None:
    """The last complete state that ``Trainer`` saved in ``folder``; without ``resume`` all of them are removed."""
    if resume:
        found = last_complete_checkpoint(folder)
        return str(found) if found else None
    for state in folder.glob("checkpoint-*"):
        shutil.rmtree(state)
    return None


def train(trainer: Trainer, resume: bool) -> float | None:
    """Train from the last state in ``output_dir``; weights that made all of ``max_steps`` already are only loaded.

    ``Trainer`` itself makes one step more at each such resume.

    Args:
        trainer: saves and loads states as its class does.
        resume: whether to look for a state; without, those of earlier runs are removed.

    Returns:
        The mean loss over the steps of this call; ``None`` when it made none.
    """
    with trainer.args.main_process_first(local=False):  # it alone takes old states away
        state = last_state(Path(str(trainer.args.output_dir)), resume)
    if state and 0 < trainer.args.max_steps <= _steps(Path(state)):
        _finish(trainer, state)
        return None
    return float(trainer.train(resume_from_checkpoint=state).training_loss)


def _finish(trainer: Trainer, state: str) -> None:
    """Put ``trainer`` where it was behind its last step, and let its callbacks know."""
    from transformers import TrainerState

    trainer._load_from_checkpoint(state)
    trainer.state = TrainerState.load_from_json(str(Path(state) / "trainer_state.json"))
    trainer.state.is_local_process_zero = trainer.is_local_process_zero()
    trainer.state.is_world_process_zero = trainer.is_world_process_zero()
    trainer.control = trainer.callback_handler.on_train_end(trainer.args, trainer.state, trainer.control)


def _steps(state: Path) -> int:
    return int(json.loads((state / "trainer_state.json").read_text(encoding="utf-8"))["global_step"])


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
