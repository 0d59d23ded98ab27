"""The selector's training from nothing: whose eyes it begins with, and the whole course, small, in two processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from panda_hf.errors import CheckpointError
from panda_hf.mini import selector_model
from panda_hf.mini.selector_course import Course, _tower, hold
from panda_hf.mini.selector_model import selector, take_tower
from panda_hf.mini.selector_study import study
from panda_hf.mini.train_selector import School
from panda_hf.models.checkpoints import mini_folder, resolve, shipped
from panda_hf.models.umt import UMTModel

pytestmark = pytest.mark.skipif("mini/selector" not in shipped(), reason="no selector yet")


def test_the_tower_of_the_shipped_selector_is_taken_and_nothing_else() -> None:
    model, _ = selector()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    take_tower(model)
    taken = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert taken and all(name.startswith("umt.vision_model.") for name in taken)
    tower = UMTModel.from_pretrained(resolve("mini/selector"), dtype=torch.float32).vision_model
    for name, tensor in tower.state_dict().items():
        assert torch.equal(model.umt.vision_model.state_dict()[name], tensor)


def test_without_a_shipped_selector_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector_model, "SHIPPED", "mini/none")
    with pytest.raises(CheckpointError, match="mini/none.*--from-scratch"):
        take_tower(selector()[0])


def test_weights_are_taken_up_by_another_school(tmp_path: Path) -> None:
    one, two = School(tmp_path), School(tmp_path)
    with torch.no_grad():
        one.model.itm_head.bias.add_(1)
    two.take_up(one._kept())
    assert all(torch.equal(a, two.model.state_dict()[name]) for name, a in one.model.state_dict().items())


def test_the_record_keeps_how_the_tower_learned_to_see() -> None:
    made = json.loads((mini_folder() / "selector" / "training.json").read_text())
    told = _tower(Course(work=Path()))
    lessons = made.get("vision_tower", made)["lessons"]
    assert told["lessons"] == {name: lessons[name] for name in ("where", "look", "see")}
    assert _tower(Course(work=Path(), from_scratch=True)) is None


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_whole_course_makes_a_selector_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    course, out = Course(work=tmp_path / "work", scale=0.005), tmp_path / "selector"
    held = hold(course, out, (0, 1), compared=True)
    names = {"pairs", *(f"answers-{seed}{kind}" for seed in (0, 1) for kind in ("", "-without"))}
    assert set(held.notes) == names and not any(note["resumed"] for note in held.notes.values())
    found = study(held)
    assert 0 < found.clips <= 50 and {len(row) for row in found.recalls.values()} == {2}
    record = json.loads((out / "training.json").read_text())
    assert set(record["lessons"]) == names and record["vision_tower"]["from"] == "mini/selector"
    again = hold(course, out, (0, 1), compared=True)
    assert all(note["resumed"] for note in again.notes.values())
    assert study(again).recalls == found.recalls
