"""True captions score 1, each false or lost fact is named, and nothing makes the scorer stumble."""

from __future__ import annotations

import random

import numpy as np
import pytest

from panda_hf.mini import world
from panda_hf.mini.facts import Fact
from panda_hf.mini.speech import TEXT_VOCABULARY, scene_text, text_words
from panda_hf.mini.truth import (
    VOCABULARY,
    canonical_caption,
    corrupt,
    corrupt_scene,
    key_facts,
    paraphrases,
    parse_caption,
    score_caption,
    visible_facts,
)
from panda_hf.mini.world import Scene, Thing, random_scene


def scenes(count: int, seed: int = 0) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [random_scene(rng, world.SPLITS[i % 3]) for i in range(count)]


def rolling_ball() -> Scene:
    return Scene(
        subject=Thing("ball", "red", "large", "striped"),
        action="rolls left",
        background="field",
        start=0.0,
        end=5.0,
        look=1,
        relation="above",
        second=Thing("cube", "blue", "small"),
        name="bobo",
        place="paris",
    )


def test_every_paraphrase_of_every_scene_scores_one() -> None:
    rng = np.random.default_rng(3)
    for scene in scenes(3000):
        for caption in [canonical_caption(scene), *paraphrases(scene, rng, count=3)]:
            score = score_caption(caption, scene)
            assert (score.f1, score.wrong, score.missing) == (1.0, (), ()), caption


@pytest.mark.parametrize("modality", ["image", "video", "text"])
def test_a_caption_of_a_modality_states_all_that_it_can_tell_and_no_more(modality: world.Modality) -> None:
    rng = np.random.default_rng(4)
    for scene in scenes(500, seed=1):
        caption = paraphrases(scene, rng, modality=modality)[0]
        stated = parse_caption(caption)
        assert score_caption(caption, scene, modality).f1 == 1.0
        assert stated >= visible_facts(scene, modality)
        if modality == "image":
            assert not {fact.kind for fact in stated} & {"action", "direction", "camera", "name", "place"}
        if modality == "video":
            assert not {fact.kind for fact in stated} & {"name", "place"}


def test_the_canonical_caption_reads_as_a_sentence() -> None:
    assert canonical_caption(rolling_ball()) == (
        "a large striped red ball called bobo rolls to the left on a green field above a blue cube in paris"
    )
    assert canonical_caption(rolling_ball(), "image") == (
        "a large striped red ball on a green field above a blue cube"
    )


@pytest.mark.parametrize(
    ("caption", "facts"),
    [
        ("a ball that is red", {("shape", "ball"), ("colour", "red")}),
        ("The BIG, stripy sphere!", {("size", "large"), ("texture", "striped"), ("shape", "ball")}),
        (
            "to the left of a blue box we see a violet ring with dots hopping at night",
            {
                ("relation", "left of"),
                ("second_colour", "blue"),
                ("second_shape", "cube"),
                ("colour", "purple"),
                ("shape", "ring"),
                ("texture", "dotted"),
                ("action", "bounces"),
                ("background", "night"),
            },
        ),
        (
            "a star moves to the left left of a heart in the white snow as the camera pans to the right",
            {
                ("shape", "star"),
                ("action", "slides"),
                ("direction", "left"),
                ("relation", "left of"),
                ("second_shape", "heart"),
                ("background", "snow"),
                ("camera", "pans right"),
            },
        ),
        (
            "a cross moving in a circle under a starry sky",
            {("shape", "cross"), ("action", "circles"), ("background", "night")},
        ),
        ("it gets bigger", {("action", "grows")}),
        (
            "a ball and a cube and a star and a ring",
            {("shape", "ball"), ("second_shape", "cube"), ("third_shape", "star"), ("extra_shape", "ring")},
        ),
    ],
)
def test_facts_are_read_from_free_text(caption: str, facts: set[tuple[str, str]]) -> None:
    assert parse_caption(caption) == {Fact(*fact) for fact in facts}


def test_precision_and_recall_are_shares_of_facts() -> None:
    scene = rolling_ball()
    # Size, texture, colour, shape, name, action, direction; relation, the cube's shape and colour; background, place.
    assert len(key_facts(scene)) == 7 + 3 + 2
    score = score_caption("a small red ball rolls to the right on the grass", scene)
    assert score.precision == pytest.approx(4 / 6)  # red, ball, rolls, grass of six
    assert score.recall == pytest.approx(4 / 12)
    assert score.f1 == pytest.approx(2 * (4 / 6) * (4 / 12) / (4 / 6 + 4 / 12))
    assert score.wrong == (Fact("direction", "right"), Fact("size", "small"))
    assert Fact("name", "bobo") in score.missing and Fact("size", "large") in score.missing


def test_objects_changed_about_are_noticed() -> None:
    score = score_caption("a blue cube rolls to the left above a large striped red ball", rolling_ball())
    assert {fact.kind for fact in score.wrong} >= {"shape", "colour", "second_shape", "second_colour"}


def test_what_goes_without_saying_may_be_said() -> None:
    scene = Scene(Thing("star", "pink"), "rests", "room", 0.0, 4.0, 1)
    assert score_caption("a pink star in a room", scene).f1 == 1.0
    assert score_caption("a medium plain pink star stands still in a room", scene).f1 == 1.0
    assert score_caption("a large pink star in a room", scene).wrong == (Fact("size", "large"),)


@pytest.mark.parametrize("caption", [None, "", "   ", "!?", "the of and", "été 東京 \x00 \ud800", "x" * 10000])
def test_text_without_facts_scores_zero(caption: str | None) -> None:
    score = score_caption(caption, rolling_ball())
    assert (score.precision, score.recall, score.f1) == (0.0, 0.0, 0.0)


def test_no_sequence_of_words_makes_the_scorer_stumble() -> None:
    rng, scene = random.Random(5), rolling_ball()
    for _ in range(3000):
        caption = " ".join(rng.choices(VOCABULARY, k=rng.randrange(30)))
        score = score_caption(caption, scene)
        assert 0.0 <= score.precision <= 1.0 and 0.0 <= score.recall <= 1.0


def test_every_single_change_of_a_scene_is_named() -> None:
    rng = np.random.default_rng(6)
    seen = set()
    for scene in scenes(3000, seed=2):
        other, (field,) = corrupt_scene(scene, rng)
        score = score_caption(paraphrases(other, rng)[0], scene)
        assert score.f1 < 1.0
        named = {fact.kind for fact in score.wrong + score.missing}
        allowed = {"action", "direction", "size"} if field == "action" else {field}
        assert named and named <= allowed, field
        seen.add(field)
    assert seen == {
        *("shape", "colour", "size", "texture", "action", "background", "camera", "name", "place"),
        *("relation", "second_shape", "second_colour"),
    }


def test_near_misses_are_near_and_wrong() -> None:
    rng = np.random.default_rng(7)
    for scene in scenes(1000, seed=3):
        for caption in (corrupt(scene, rng), corrupt(canonical_caption(scene), rng)):
            assert set(caption.split()) <= set(VOCABULARY)
            assert 0.3 < score_caption(caption, scene).f1 < 1.0, caption


def test_articles_fit_the_next_word() -> None:
    rng = np.random.default_rng(8)
    for scene in scenes(500, seed=4):
        for caption in (paraphrases(scene, rng)[0], corrupt(canonical_caption(scene), rng)):
            words = caption.split()
            for word, after in zip(words, words[1:], strict=False):
                if word in ("a", "an"):
                    assert (word == "an") == (after[0] in "aeiou"), caption


def test_captions_of_other_scenes_score_low() -> None:
    some = scenes(400, seed=5)
    scores = [score_caption(canonical_caption(a), b).f1 for a, b in zip(some, some[1:], strict=False)]
    assert np.mean(scores) < 0.2


def test_the_language_is_closed_and_small() -> None:
    rng = np.random.default_rng(9)
    used: set[str] = set()
    for scene in scenes(2000, seed=6):
        caption = paraphrases(scene, rng)[0]
        assert 5 <= len(caption.split()) <= 28
        used |= set(caption.split())
    assert used <= set(VOCABULARY) and len(VOCABULARY) < 200 and len(set(VOCABULARY)) == len(VOCABULARY)
    assert set(VOCABULARY) - used <= {"plain", "medium", "stays"}


def test_the_text_around_a_scene_tells_its_name_and_place() -> None:
    rng = np.random.default_rng(10)
    for scene in scenes(1000, seed=7):
        text = scene_text(scene, rng)
        words = {word for part in text if part for word in text_words(part)}
        assert words <= set(TEXT_VOCABULARY)
        assert {told for told in (scene.name, scene.place) if told} <= words
        if scene.subtitle_kind == "none" and not (scene.name or scene.place):
            assert text.subtitle is None


def test_misleading_subtitles_speak_of_something_else() -> None:
    rng = np.random.default_rng(11)
    misled = [scene for scene in scenes(3000, seed=8) if scene.misleads and not (scene.name or scene.place)]
    helped = [scene for scene in scenes(3000, seed=8) if scene.subtitle_kind == "helps" and not scene.name]

    def agreement(some: list[Scene]) -> float:
        return float(np.mean([score_caption(scene_text(scene, rng).subtitle, scene).precision for scene in some]))

    assert agreement(misled) < 0.3 and agreement(helped) > 0.7
