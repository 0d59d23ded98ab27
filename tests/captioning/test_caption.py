from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Features

from panda_hf import schema
from panda_hf.captioning import Caption
from panda_hf.captioning import caption as caption_module
from panda_hf.captioning.caption import tidy
from panda_hf.captioning.registry import TeacherCard
from panda_hf.errors import MissingColumnError
from panda_hf.stage import apply
from panda_hf.video import pack_frames
from tests.captioning import tiny


def row(index: int, **words) -> dict:
    frames = np.random.default_rng(index).integers(0, 256, (8, 32, 48, 3), np.uint8)
    return {"clip_id": f"v.{index}", "frames": pack_frames(frames, list(range(8))), **words}


def run(stage: Caption, rows: list[dict]) -> dict:
    columns = ["clip_id", "frames", "title", "description", "subtitle"]
    return stage({c: [r.get(c) for r in rows] for c in columns})


@dataclasses.dataclass
class Parrot:
    """A teacher that says each clip's title, and breaks on the title "break", alone or among others."""

    card: TeacherCard = TeacherCard("parrot", "blip2", "nowhere", ("image",))
    calls: list = dataclasses.field(default_factory=list)

    def caption(self, clips, decoding):
        self.calls.append((len(clips), decoding.max_new_tokens, decoding.num_beams))
        if any(clip.title == "break" for clip in clips):
            raise RuntimeError("cannot say that")
        return [clip.title or "" for clip in clips]


@pytest.fixture
def parrot(monkeypatch) -> Parrot:
    teacher = Parrot()
    monkeypatch.setattr(caption_module, "load_teacher", lambda card, device, loading: teacher)
    return teacher


def test_each_clip_gets_its_caption_in_the_column_of_the_teacher(parrot):
    out = run(Caption(teacher="mini_image"), [row(0, title="one"), row(1, title=" two\n\u202ewords ")])
    assert out["caption_mini_image"] == ["one", "two words"]
    assert parrot.calls == [(2, 30, 5)]  # as the card of mini_image says


def test_generation_settings_of_the_stage_win_over_the_card(parrot):
    run(Caption(teacher="mini_image", max_new_tokens=3, num_beams=1), [row(0, title="one")])
    assert parrot.calls == [(1, 3, 1)]


def test_a_teacher_that_writes_nothing_leaves_none_and_no_error(parrot):
    out = run(Caption(teacher="mini_image"), [row(0, title=" \n\t"), row(1, title="ok")])
    assert out["caption_mini_image"] == [None, "ok"]
    assert out["error"] == [None, None]


def test_one_bad_clip_does_not_take_its_batch(parrot):
    out = run(Caption(teacher="mini_image"), [row(0, title="a"), row(1, title="break"), row(2, title="c")])
    assert out["caption_mini_image"] == ["a", None, "c"]
    assert [error and error["message"] for error in out["error"]] == [None, "cannot say that", None]
    assert out["error"][1]["stage"] == "Caption(mini_image)"


def test_a_broken_frame_pack_fails_alone(parrot):
    broken = {**row(1, title="b"), "frames": {"data": b"xx", "shape": [8, 32, 48, 3], "times": [0.0] * 8}}
    out = run(Caption(teacher="mini_image"), [row(0, title="a"), broken])
    assert out["caption_mini_image"] == ["a", None]
    assert out["error"][1]["type"] == "ValueError"


def test_a_user_can_bring_a_checkpoint_of_a_family(tmp_path):
    folder = tiny.blip2_without_encoder(tmp_path / "opt")
    stage = Caption(teacher="my_blip", family="blip2", checkpoint=str(folder), max_new_tokens=4, num_beams=1)
    rows = Dataset.from_list(
        [row(0), row(1)], features=Features({"clip_id": schema.Value("string"), **schema.FRAMES_COLUMNS})
    )
    captioned = apply(rows, stage)
    assert captioned.features["caption_my_blip"] == schema.Value("string")
    assert all(text is None or text == tidy(text) for text in captioned["caption_my_blip"])
    assert stage.provenance()["checkpoint"] == str(folder) and stage.provenance()["num_beams"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teacher": "no such"}, "column's name"),
        ({"teacher": "nobody"}, "no teacher is called 'nobody'"),
        ({"teacher": "x", "family": "blip2"}, "give both"),
        ({"teacher": "x", "checkpoint": "somewhere"}, "give both"),
        ({"teacher": "mini_image", "family": "blip2", "checkpoint": "somewhere"}, "registered already"),
    ],
)
def test_settings_that_do_not_name_a_teacher_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Caption(**settings)


def test_a_dataset_without_frames_is_told_what_is_missing():
    with pytest.raises(MissingColumnError, match="frames"):
        Caption(teacher="mini_image")({"clip_id": ["v.0"]})


def test_what_a_registered_teacher_sees_can_be_narrowed():
    assert Caption(teacher="mini_text", sees=("image",)).card().sees == ("image",)
    assert Caption(teacher="mini_text").card().sees == ("image", "text")


ROOT = Path(__file__).resolve().parents[2]
FORK = """
import sys
import torch
from datasets import Dataset, Features, Value
from panda_hf import schema
from panda_hf.captioning import Caption
from panda_hf.stage import apply
from tests.captioning.test_caption import row

torch.set_num_threads(2)
features = Features({"clip_id": Value("string"), **schema.FRAMES_COLUMNS})
rows = Dataset.from_list([row(i) for i in range(4)], features=features)
teacher = {"teacher": "mine", "family": "blip2", "checkpoint": sys.argv[1], "num_beams": 1}
apply(rows, Caption(**teacher, max_new_tokens=3))
print(apply(rows, Caption(**teacher, max_new_tokens=4), num_proc=2).num_rows, "rows")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_workers_do_not_hang_when_this_process_has_captioned_already(tmp_path):
    folder = tiny.blip2_without_encoder(tmp_path / "opt")
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    environment["HF_DATASETS_CACHE"] = str(tmp_path / "cache")
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(folder)],
        capture_output=True,
        text=True,
        timeout=200,
        env=environment,
        cwd=ROOT,
    )
    assert "4 rows" in done.stdout, done.stderr
