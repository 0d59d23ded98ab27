"""Who sits together on a cluster, and how many workers there are."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Features

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames
from panda_hf.clips import explode_clips
from panda_hf.running.plan import Plan
from panda_hf.running.seats import Asked, Cluster, ResourcesError, Seat, seats_of
from panda_hf.selection import Select
from panda_hf.splitting import Split
from panda_hf.stage import Resources
from tests.running.fakes import fake_steps

LARGE = ("blip2_opt_2_7b", "blip2_flan_t5_xl")


def plan_of(*steps: Any) -> Plan:
    return Plan.of(steps, Features(schema.VIDEO_ROW))


def paper() -> Plan:
    captions = [Caption(teacher=name) for name in LARGE]
    return plan_of(Split(), explode_clips, SampleFrames(), *captions, Select(teachers=LARGE, selector="my/umt"))


def names(plan: Plan, seats: list[Seat]) -> list[list[str]]:
    return [[stage.name for stage in seat.stages(plan)] for seat in seats]


def test_each_model_has_a_pool_of_its_own_which_decodes_for_itself() -> None:
    plan = paper()
    seats = seats_of(plan, Cluster(cpus=32, gpus=6))
    assert names(plan, seats) == [
        ["Split"],
        ["SampleFrames", "Caption(blip2_opt_2_7b)"],
        ["SampleFrames", "Caption(blip2_flan_t5_xl)"],
        ["SampleFrames", "Select"],
    ]
    assert [seat.resources.num_gpus for seat in seats] == [0, 1, 1, 1]
    assert [seat.actors for seat in seats] == [8, 2, 2, 2]  # a quarter of 32 cores; a third of 6 GPUs
    assert [seat.pictures for seat in seats] == [False, True, False, False]


def test_without_gpus_frames_are_decoded_once_and_all_models_sit_together() -> None:
    plan = paper()
    seats = seats_of(plan, Cluster(cpus=2))
    assert names(plan, seats)[1:] == [[stage.name for stage in plan.clip_stages]]
    assert [seat.actors for seat in seats] == [1, 1]


def test_the_miniatures_ask_for_no_gpu() -> None:
    assert Caption(teacher="mini_image").resources == Resources()
    assert Select(teachers=("mini_image",)).resources == Resources()
    assert Split(embedder="facebook/dinov2-small").resources.num_gpus == 0.25


def test_what_is_asked_for_stands_in_place_of_what_is_declared() -> None:
    asked: Asked = {
        "Caption(blip2_opt_2_7b)": {"num_gpus": 0.5, "actors": 3, "batch_size": 4, "seat": "teachers"},
        "Caption(blip2_flan_t5_xl)": {"num_gpus": 0.25, "seat": "teachers"},
        "Split": {"num_cpus": 2},
    }
    plan = paper()
    split, teachers, select = seats_of(plan, Cluster(cpus=23, gpus=3), asked)
    assert [stage.name for stage in teachers.stages(plan)] == ["SampleFrames", *(f"Caption({name})" for name in LARGE)]
    assert teachers.resources == Resources(num_cpus=1, num_gpus=0.5, batch_size=4, actors=3)
    assert split.actors == 5  # (23 - 3) cores for two seats, 2 each
    assert select.actors == 1  # three workers of half a GPU leave one and a half


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"Splt": {"num_cpus": 1}}, r"Splt.*no such stage.*Split"),
        ({"Split": {"cpus": 1}}, r"\['cpus'\].*num_cpus"),
        ({"Split": 3}, "3 is not understood"),
        ({"Split": {"num_cpus": -1}}, "num_cpus=-1"),
        ({"Split": {"actors": 0}}, "actors=0"),
        ({"Split": {"num_cpus": "many"}}, "Split"),
    ],
)
def test_what_is_said_wrongly_is_refused(asked: Any, said: str) -> None:
    with pytest.raises(ResourcesError, match=said):
        seats_of(paper(), Cluster(cpus=8, gpus=8), asked)


def test_a_cluster_that_is_too_small_is_refused_before_it_waits_for_ever() -> None:
    with pytest.raises(ResourcesError, match=r"4 CPUs and 3 GPUs, the cluster has 16 and 1 .*same seat"):
        seats_of(paper(), Cluster(cpus=16, gpus=1), {"Split": {"actors": 1}})


def test_a_stage_between_frames_and_who_looks_at_them_keeps_its_place() -> None:
    plan = plan_of(*fake_steps())
    seats = seats_of(plan, Cluster(cpus=8), {"FakeCaption": {"seat": "alone"}, "SetAside": {"seat": "first"}})
    assert names(plan, seats) == [["FakeSplit"], ["SetAside"], ["FakeFrames", "FakeCaption"]]
