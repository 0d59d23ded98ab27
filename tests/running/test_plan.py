from __future__ import annotations

import json

import pytest
from datasets import Features

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames, prompts
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.clips import explode_clips
from panda_hf.running import manifest
from panda_hf.running.plan import Plan
from panda_hf.selection import Select
from tests.running.fakes import FakeSplit


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
