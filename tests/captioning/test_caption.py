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
from panda_hf.captioning import Caption, prompts
from panda_hf.captioning import caption as caption_module
from panda_hf.captioning.registry import Decoding, TeacherCard
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.captioning.teachers.base import Answer
from panda_hf.errors import CheckpointError, EndpointError, MissingColumnError
from panda_hf.selection import Select
from panda_hf.stage import Failure, apply
from panda_hf.video import pack_frames
from tests.captioning import tiny

SERVED = {"endpoint": Endpoint(url="http://localhost/v1")}


def row(index: int, **words) -> dict:
    frames = np.random.default_rng(index).integers(0, 256, (8, 32, 48, 3), np.uint8)
    return {"clip_id": f"v.{index}", "frames": pack_frames(frames, list(range(8))), **words}


def run(stage: Caption, rows: list[dict]) -> dict:
    columns = ["clip_id", "frames", "title", "description", "subtitle", "caption_errors"]
    return stage({c: [r.get(c) for r in rows] for c in columns})


@dataclasses.dataclass
class Parrot:
    """A teacher that says each clip's title, and breaks on the title "break", alone or among others.

    The description chooses another reply than a plain text.
    """

    card: TeacherCard = TeacherCard("parrot", "blip2", "nowhere", ("image",))
    calls: list = dataclasses.field(default_factory=list)

    def caption(self, clips, decoding):
        self.calls.append((len(clips), decoding.max_new_tokens, decoding.num_beams))
        if any(clip.title == "break" for clip in clips):
            raise RuntimeError("cannot say that")
        replies = {"fail": Failure("EndpointError", "the server is gone"), "count": Answer("a cat", 70, 3)}
        return [replies.get(clip.description, clip.title or "") for clip in clips]


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


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ({"title": " \n\t"}, "CandidateError", "wrote nothing"),
        ({"title": "I'm sorry, I cannot see it."}, "CandidateError", "declined"),
        ({"title": "a ball a ball a ball a ball"}, "CandidateError", "2 words, 4 times"),
        ({"title": "break"}, "RuntimeError", "cannot say that"),
        ({"title": "x", "description": "fail"}, "EndpointError", "the server is gone"),
    ],
)
def test_a_failed_candidate_says_why_and_fails_neither_the_clip_nor_its_batch(parrot, words, kind, message):
    out = run(Caption(teacher="mini_image"), [row(0, title="one"), row(1, **words), row(2, title="two")])
    assert out["caption_mini_image"] == ["one", None, "two"]
    assert out["error"] == [None, None, None]
    assert out["caption_errors"][0] == out["caption_errors"][2] == []
    ((note),) = out["caption_errors"][1]
    assert note["teacher"] == "mini_image" and note["type"] == kind and message in note["message"]


def test_the_notes_of_several_teachers_stand_side_by_side_and_are_not_doubled(parrot):
    rows = [row(0, title="break"), row(1, title="ok")]
    for teacher in ("mini_image", "mini_video", "mini_image"):
        out = run(Caption(teacher=teacher), rows)
        rows = [{**old, "caption_errors": notes} for old, notes in zip(rows, out["caption_errors"], strict=True)]
    assert [note["teacher"] for note in rows[0]["caption_errors"]] == ["mini_video", "mini_image"]
    assert rows[1]["caption_errors"] == []


def test_a_clip_that_no_teacher_could_caption_fails_with_all_their_reasons(parrot):
    features = {**schema.FRAMES_COLUMNS, **{c: schema.Value("string") for c in ("clip_id", "title")}}
    dataset = Dataset.from_list([row(0, title="break"), row(1, title="a ball")], features=Features(features))
    for teacher in ("mini_image", "mini_text"):
        dataset = apply(dataset, Caption(teacher=teacher))
    lost, kept = apply(dataset, Select(teachers=("mini_image", "mini_text")))
    assert kept["error"] is None and kept["caption"] == "a ball"
    assert lost["error"]["stage"] == "Select" and lost["caption"] is None
    for teacher in ("mini_image", "mini_text"):
        assert f"{teacher}: cannot say that" in lost["error"]["message"]


def test_a_server_s_tokens_are_recorded(parrot):
    stage = Caption(teacher="served", family="endpoint", checkpoint="m", endpoint=Endpoint(url="http://localhost/v1"))
    out = run(stage, [row(0, title="one"), row(1, description="count"), row(2, description="fail")])
    assert out["caption_served"] == ["one", "a cat", None]
    assert out["caption_tokens"] == [[], [{"teacher": "served", "prompt": 70, "written": 3}], []]
    assert set(stage.appends) == {"caption_served", "caption_errors", "caption_tokens"}
    assert "caption_tokens" not in Caption(teacher="mini_image").appends


@pytest.mark.parametrize("error", [CheckpointError, EndpointError])
def test_what_every_clip_would_meet_ends_the_run(parrot, error):
    def refuse(clips, decoding):
        raise error("no")

    parrot.caption = refuse
    with pytest.raises(error):
        run(Caption(teacher="mini_image"), [row(0), row(1)])


def test_stop_strings_of_the_card_and_openers_are_cut(parrot, monkeypatch):
    card = dataclasses.replace(Caption(teacher="mini_image").card(), decoding=Decoding(stop=("~",)))
    monkeypatch.setattr(caption_module, "card_of", lambda name: card)
    rows = [row(0, title="The video shows a cat ~ a dog")]
    assert run(Caption(teacher="mini_image"), rows)["caption_mini_image"] == ["The video shows a cat"]
    assert run(Caption(teacher="mini_image", drop_openers=True), rows)["caption_mini_image"] == ["A cat"]


def test_sampling_can_be_asked_for_and_then_has_one_beam():
    decoding = Caption(teacher="mini_image", sample=True, temperature=0.7, top_p=0.9, seed=5).card().decoding
    assert decoding == Decoding(max_new_tokens=30, num_beams=1, sample=True, temperature=0.7, top_p=0.9, seed=5)


def test_sampled_captions_do_not_depend_on_batches_or_order(tmp_path):
    folder = tiny.blip2_without_encoder(tmp_path / "opt")
    settings = {"family": "blip2", "checkpoint": str(folder), "max_new_tokens": 6, "sample": True, "temperature": 1.5}
    rows = [row(i) for i in range(5)]
    together = run(Caption(teacher="drawn", **settings), rows)["caption_drawn"]
    backwards = run(Caption(teacher="drawn", **settings, model_batch_size=2), rows[::-1])["caption_drawn"]
    alone = [run(Caption(teacher="drawn", **settings), [one])["caption_drawn"][0] for one in rows]
    assert together == backwards[::-1] == alone
    assert len(set(together)) > 1
    assert run(Caption(teacher="drawn", **settings, seed=1), rows)["caption_drawn"] != together


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
    pairs = zip(captioned["caption_my_blip"], captioned["caption_errors"], strict=True)
    assert captioned.features["caption_my_blip"] == schema.Value("string")
    assert all((text is None) == bool(why) for text, why in pairs)
    assert stage.provenance()["checkpoint"] == str(folder) and stage.provenance()["num_beams"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teacher": "no such"}, "column's name"),
        ({"teacher": "nobody"}, "no teacher is called 'nobody'"),
        ({"teacher": "x", "family": "blip2"}, "give both"),
        ({"teacher": "x", "checkpoint": "somewhere"}, "give both"),
        ({"teacher": "mini_image", "family": "blip2", "checkpoint": "somewhere"}, "registered already"),
        ({"teacher": "errors", "family": "blip2", "checkpoint": "somewhere"}, "is taken"),
        ({"teacher": "teacher", "family": "blip2", "checkpoint": "somewhere"}, "is taken"),
        ({"teacher": "x", "family": "endpoint", "checkpoint": "m"}, "give both"),
        ({"teacher": "mini_image", "endpoint": Endpoint(url="http://localhost/v1")}, "give both"),
        ({"teacher": "mini_image", "sample": True, "num_beams": 4}, "one beam"),
        ({"teacher": "x", "family": "endpoint", "checkpoint": "m", **SERVED, "num_beams": 2}, "one beam"),
    ],
)
def test_settings_that_do_not_name_a_teacher_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Caption(**settings)


def test_the_provenance_tells_what_a_name_stands_for_and_how_it_was_asked(monkeypatch):
    stage = Caption(teacher="mini_text")
    before = stage.provenance()
    assert before["checkpoint"] == "mini/text" and before["num_beams"] == 5 and before["sees"] == ["image", "text"]
    monkeypatch.setattr(prompts, "ASK", "Say what happens.")
    assert {key for key, value in stage.provenance().items() if value != before[key]} == {"prompt_sha256"}


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
