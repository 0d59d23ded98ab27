"""Simulated annotators and what they are shown: captions of the teachers, judged by the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from panda_hf.captioning import Caption
from panda_hf.mini import selector_people, selector_teachers
from panda_hf.mini.selector_data import Picked
from panda_hf.mini.selector_people import PEOPLE, Person, answered
from panda_hf.mini.selector_teachers import TEACHERS, Judged, fingerprint, judged_clips, mean_scores
from panda_hf.mini.truth import FactScore, canonical_caption
from panda_hf.mini.world import Scene, Thing, generator, random_scene
from panda_hf.models.checkpoints import shipped
from panda_hf.selection import measures

BALL = Scene(Thing("ball", "red"), "spins", "sea", 0.0, 4.0, look=1)
TRUE, HALF, WRONG = canonical_caption(BALL), "a red ball", "a blue cube rests in a city"
THREE = ("a", "b", "c")


def _judged(number: int, captions: tuple[str, ...], scene: Scene = BALL) -> Judged:
    return Judged(f"train.{number}", np.zeros((8, 72, 72, 3), np.uint8), captions, scene, None, None, None)


def test_people_pick_the_truth_when_they_are_in_no_mood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector_people, "MOOD", 0.0)
    (clip,) = answered([_judged(0, (WRONG, TRUE, HALF))], teachers=THREE)
    assert clip.captions == (WRONG, TRUE, HALF) and clip.teachers == THREE
    assert clip.picks == {person.name: frozenset({1}) for person in PEOPLE}


def test_people_find_all_bad_what_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector_people, "MOOD", 0.0)
    (clip,) = answered([_judged(0, (WRONG, "a cube", WRONG))], teachers=THREE)
    assert not clip.wanted and measures.share(measures.all_bad([clip])) == 1.0


def test_the_same_words_are_picked_together_and_blank_ones_shown_to_nobody() -> None:
    (clip,) = answered([_judged(0, (TRUE, " ", TRUE))], teachers=THREE)
    assert clip.captions == (TRUE, TRUE) and clip.teachers == ("a", "c")
    assert set(clip.picks.values()) == {frozenset({0, 1})}
    assert answered([_judged(0, ("", "", ""))], teachers=THREE) == []


def test_tastes_differ_in_what_silence_costs() -> None:
    short, bold = FactScore(1.0, 0.5, (), ()), FactScore(0.5, 1.0, (), ())
    careful, curious = Person("careful", 0.5), Person("curious", 2.0)
    assert careful.likes(short) > careful.likes(bold) and curious.likes(bold) > curious.likes(short)
    assert careful.likes(short) == pytest.approx(1.25 * 0.5 / (0.25 + 0.5))
    assert Person("even", 1.0).likes(short) == pytest.approx(short.f1) and careful.likes(FactScore(0, 0, (), ())) == 0


def test_answers_come_again_the_same_and_other_seeds_have_other_moods() -> None:
    clips = [_judged(i, (TRUE, HALF + " spins", "a red ball spins in the sea")) for i in range(40)]
    picks = [[clip.picks for clip in answered(clips, seed, THREE)] for seed in (0, 0, 1)]
    assert picks[0] == picks[1] != picks[2]


def test_what_is_picked_becomes_what_is_learned() -> None:
    clips = [_judged(i, (TRUE, WRONG, HALF)) for i in range(30)]
    answers = [clip for clip in answered(clips, 0, THREE) if clip.wanted]
    tokens: dict[str, Any] = {clip.clip_id: np.full((4, 64, 2), i, np.float16) for i, clip in enumerate(clips)}
    together, alone = (Picked(answers, tokens, 0, alone=alone) for alone in (False, True))
    for i, clip in enumerate(answers):
        assert together[i].captions == clip.captions and together[i].targets == clip.targets()
        (caption,) = alone[i].captions
        assert clip.captions.index(caption) in clip.wanted and alone[i].frames is tokens[clip.clip_id]


def test_mean_scores_name_the_room_that_a_selector_has() -> None:
    found = mean_scores([_judged(0, (TRUE, WRONG, WRONG)), _judged(1, (WRONG, TRUE, WRONG))], THREE)
    assert found["a"] == found["b"] == pytest.approx((1 + found["c"]) / 2) and found["best"] == 1.0


@pytest.mark.skipif(not set(TEACHERS) <= {f"mini_{name[5:]}" for name in shipped()}, reason="no teachers yet")
def test_judged_clips_are_captioned_once_by_the_same_weights(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector_teachers, "BATCH", 3)
    two = ("mini_image", "mini_text")
    (first, *_) = judged_clips("validation", 3, tmp_path, 72, two[:1])
    scene = random_scene(generator(0, "validation", "selection"), "validation")
    assert first.clip_id == "validation.0" and first.scene == scene and first.frames.shape == (8, 72, 72, 3)
    calls: list[tuple[str, ...]] = []
    made = selector_teachers._make
    monkeypatch.setattr(selector_teachers, "_make", lambda *given: (calls.append(tuple(given[3])), made(*given))[1])
    again = judged_clips("validation", 2, tmp_path, 72, two)
    assert calls == [("mini_text",)] and len(again) == 2
    assert again[0].captions[0] == first.captions[0] and len(again[0].scores) == 2
    assert judged_clips("validation", 2, tmp_path, 72, two)[0].captions == again[0].captions and len(calls) == 1
    assert fingerprint("mini_image") != fingerprint("mini_text")


@pytest.mark.slow
def test_two_processes_write_the_same_as_one(tmp_path: Any) -> None:
    found = [
        judged_clips("train", 80, tmp_path / str(workers), 72, ("mini_image", "mini_video"), workers)
        for workers in (1, 2)
    ]
    assert len(found[0]) == 80 and [clip.clip_id for clip in found[0]] == [clip.clip_id for clip in found[1]]
    for one, two in zip(*found, strict=True):
        assert one.captions == two.captions and np.array_equal(one.frames, two.frames)


def test_teachers_that_see_one_frame_caption_more_clips_at_once() -> None:
    assert selector_teachers._captioner("mini_text").model_batch_size == 25
    assert selector_teachers._captioner("mini_video") == Caption(teacher="mini_video")
