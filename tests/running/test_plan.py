from __future__ import annotations

import json

import pytest
from datasets import Features

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames, prompts
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.clips import explode_clips
from panda_hf.pipeline import panda_70m
from panda_hf.running import manifest
from panda_hf.running.plan import Plan
from panda_hf.selection import Select
from tests.running.fakes import FakeSplit

MIXED = ("mini_video", "served", "mini_image", "mini_text")


def head_of(**endpoint) -> dict:
    """The first record of a run with a served teacher and one of the miniature."""
    address = {"url": "http://secret-host:8000/v1", **endpoint}
    served = Caption(teacher="served", family="endpoint", checkpoint="a/model", endpoint=Endpoint(**address))
    steps = [FakeSplit(), explode_clips, SampleFrames(), Caption(teacher="mini_text"), served]
    plan = Plan.of([*steps, Select(teachers=("mini_text", "served"))], Features(schema.VIDEO_ROW))
    return manifest.head_record(plan.describe(), {}, "films", 1, "x")


def test_a_run_records_the_checkpoint_and_the_prompt_behind_a_teacher_s_name():
    steps = {step["name"]: step for step in head_of()["steps"]}
    stated = steps["Caption(mini_text)"]["provenance"]
    assert stated["checkpoint"] == "mini/text" and stated["num_beams"] == 5
    card = Caption(teacher="mini_text").card()
    assert stated["prompt_sha256"] == prompts.template_hash(card.prompt, card.task, *card.turns)
    assert steps["SampleFrames"]["provenance"] == {}


def test_where_a_model_is_served_is_not_recorded_and_may_change_between_a_run_and_its_resume():
    before = head_of(concurrency=2, key_variable="KEY")
    assert "secret-host" not in json.dumps(before) and "KEY" not in json.dumps(before)
    after = head_of(url="https://elsewhere/v1", concurrency=64, timeout_seconds=5.0, patience_seconds=1.0)
    assert manifest.differences(before, after) == []


def test_a_served_teacher_competes_with_registered_ones():
    served = Caption(teacher="served", family="endpoint", checkpoint="m", endpoint=Endpoint(url="http://localhost/v1"))
    steps = panda_70m(teachers=("mini_video", served, "mini_image", "mini_video", "mini_text"))
    assert [step.teacher for step in steps if isinstance(step, Caption)] == [*MIXED]
    assert steps[-1].teachers == MIXED
    plan = Plan.of(steps, Features(schema.VIDEO_ROW))
    assert {"caption_served", "caption_errors", "caption_tokens"} < set(plan.clip_features)
    with pytest.raises(ValueError, match="called 'mini_video'"):
        panda_70m(teachers=("mini_video", Caption(teacher="mini_video", num_beams=1)))


@pytest.mark.parametrize(
    ("changed", "name"), [({"jpeg_quality": 50}, "endpoint"), ({"extra": (("top_k", 5),)}, "endpoint")]
)
def test_what_changes_captions_is_a_difference(changed, name):
    (difference,) = manifest.differences(head_of(), head_of(**changed))
    assert difference.startswith(f"Caption(served).{name} was")


def test_a_run_does_not_go_on_with_another_prompt(monkeypatch):
    before = head_of()
    monkeypatch.setattr(prompts, "ASK", "Say what happens.")
    assert [line.split(" was ")[0] for line in manifest.differences(before, head_of())] == [
        "Caption(mini_text).prompt_sha256",
        "Caption(served).prompt_sha256",
    ]
