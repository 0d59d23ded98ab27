"""Which saved state a training goes on from."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import Trainer, TrainingArguments

from panda_hf.training.states import last_complete_checkpoint, last_state, train


def test_a_half_written_checkpoint_is_not_resumed_from(tmp_path):
    written = {"checkpoint-9": "{}", "checkpoint-10": None, "checkpoint-11": '{"epoch": 0.'}
    for name, state in written.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text("{}")
        if state is not None:
            (tmp_path / name / "trainer_state.json").write_text(state)
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-9"
    assert last_complete_checkpoint(tmp_path / "nowhere") is None


def test_starting_anew_removes_what_earlier_runs_saved(tmp_path):
    state = tmp_path / "checkpoint-7"
    state.mkdir()
    (state / "trainer_state.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    assert last_state(tmp_path, resume=True) == str(state)
    assert last_state(tmp_path, resume=False) is None
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert last_state(tmp_path / "nowhere", resume=True) is None


class _Line(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": ((self.slope * x - labels) ** 2).mean()}


def _trainer(folder: Path) -> Trainer:
    rows = [{"x": torch.tensor([1.0]), "labels": torch.tensor([2.0])}] * 8
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=4,
        save_steps=2,
        learning_rate=0.1,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        lr_scheduler_type="constant",
    )
    return Trainer(model=_Line(), args=arguments, train_dataset=rows)


def test_what_has_made_all_its_steps_makes_none_more(tmp_path):
    first = _trainer(tmp_path)
    assert train(first, resume=True) > 0
    again = _trainer(tmp_path)
    assert train(again, resume=True) is None and again.state.global_step == 4
    assert first.model.slope.item() > 0.1 and again.model.slope.item() == first.model.slope.item()
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-4"
    anew = _trainer(tmp_path)
    train(anew, resume=False)
    assert anew.model.slope.item() == first.model.slope.item()


def test_what_was_interrupted_makes_the_rest(tmp_path):
    train(first := _trainer(tmp_path), resume=True)
    shutil.rmtree(tmp_path / "checkpoint-4")
    train(again := _trainer(tmp_path), resume=True)
    assert again.model.slope.item() == first.model.slope.item() and again.state.global_step == 4
