from __future__ import annotations

import dataclasses
import importlib
import typing
from pathlib import Path

import pytest
import transformers

from panda_hf.captioning import Caption
from panda_hf.captioning.registry import (
    Decoding,
    Family,
    Fidelity,
    Modality,
    PromptKind,
    card_of,
    cards,
    expanded,
    teachers_of,
)
from panda_hf.captioning.registry.printing import as_table, shown_to, size_of
from panda_hf.models import video_llama
from panda_hf.models.checkpoints import shipped
from panda_hf.pipeline import panda_70m

CARDS = list(cards().values())


def test_the_eight_of_the_paper_have_its_names_and_inputs():
    """Paper, appendix B.3: V, V-S, V-S, V-S-M, three times one frame, one frame with S-M."""
    frame, video = {"image"}, {"video"}
    assert {name: set(card_of(name).sees) for name in teachers_of("paper")} == {
        "video_llama_pretrain": video,
        "video_llama_finetune": video | {"subtitle"},
        "videochat": video | {"subtitle"},
        "videochat_text": video | {"subtitle", "metadata"},
        "blip2_opt_2_7b": frame,
        "blip2_opt_6_7b": frame,
        "blip2_flan_t5_xl": frame,
        "minigpt4": frame | {"subtitle", "metadata"},
    }


def test_blip2_alone_is_exact_and_what_is_not_says_what_differs():
    exact = {name for name in teachers_of("paper") if card_of(name).fidelity == "exact"}
    assert exact == {"blip2_opt_2_7b", "blip2_opt_6_7b", "blip2_flan_t5_xl"}
    for card in CARDS:
        assert bool(card.differs) == (card.fidelity != "exact"), card.name


def test_blip2_decodes_as_the_original_does():
    """LAVIS: beams 5, length 1 to 30, no sampling, repetition penalty 1, length penalty 1, nothing asked."""
    for name in ("blip2_opt_2_7b", "blip2_opt_6_7b", "blip2_flan_t5_xl"):
        decoding = dataclasses.asdict(card_of(name).decoding)
        assert {key: decoding[key] for key in ("num_beams", "max_new_tokens", "min_new_tokens")} == {
            "num_beams": 5,
            "max_new_tokens": 30,
            "min_new_tokens": 1,
        }
        assert not decoding["sample"] and decoding["repetition_penalty"] == decoding["length_penalty"] == 1.0
        assert card_of(name).prompt == "none"


def test_who_sees_one_image_is_asked_about_an_image_but_for_the_miniatures_that_learned_otherwise():
    assert {card.name for card in CARDS if card.shown == "image" and card.prompt == "ask"} == {
        "minigpt4",
        "granite_vision_2b",
    }


def test_the_talking_teachers_of_the_paper_decode_as_their_originals_do():
    """Their demos: temperature 1, top-p 0.9, one beam, up to ###; MiniGPT-4 penalises repetition by 1.05."""
    for name, length, penalty in (
        ("video_llama_pretrain", 300, 1.0),
        ("video_llama_finetune", 300, 1.0),
        ("videochat", 200, 1.0),
        ("minigpt4", 300, 1.05),
    ):
        assert dataclasses.asdict(card_of(name).decoding) == {
            "max_new_tokens": length,
            "num_beams": 1,
            "sample": True,
            "temperature": 1.0,
            "top_p": 0.9,
            "repetition_penalty": penalty,
            "length_penalty": 1.0,
            "min_new_tokens": 0,
            "stop": ("###",),
            "seed": 0,
        }, name
    assert card_of("videochat_text").decoding == Decoding(max_new_tokens=80)  # the original writes at temperature 0


def test_the_modern_set_has_eight_of_several_families_and_inputs():
    modern = [card_of(name) for name in teachers_of("modern")]
    assert len(modern) == 8 and len({card.model_class for card in modern}) == 8
    assert len({card.sees for card in modern}) >= 5
    assert all(card.licence in ("Apache-2.0", "MIT") for card in modern)


def test_a_laptop_can_hold_the_laptop_set():
    sizes = [card_of(name).billions for name in teachers_of("laptop")]
    assert sizes and all(size is not None and size < 2.5 for size in sizes)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_is_whole(card):
    assert card.name.isidentifier() and cards()[card.name] is card
    assert importlib.import_module(f"panda_hf.captioning.teachers.{card.family}").load
    assert card.family in typing.get_args(Family) and card.fidelity in typing.get_args(Fidelity)
    assert card.prompt in typing.get_args(PromptKind) and set(card.sees) <= set(typing.get_args(Modality))
    assert card.licence and card.source and card.billions
    assert card.checkpoint.count("/") == 1
    if "mini" in card.sets:
        assert {card.checkpoint, *dict(card.parts).values()} <= set(shipped())
    for name in card.model_class.split(", "):
        assert hasattr(transformers, name) or hasattr(video_llama, name), name


def test_the_stage_finds_a_teacher_by_its_name_and_takes_another_checkpoint_of_its_kind():
    stage = Caption(teacher="blip2_opt_2_7b")
    assert stage.card() == card_of("blip2_opt_2_7b")
    mine = Caption(teacher="blip2_opt_2_7b", checkpoint="here/mine", max_new_tokens=7).card()
    assert (mine.checkpoint, mine.family) == ("here/mine", "blip2")
    assert mine.decoding == dataclasses.replace(card_of("blip2_opt_2_7b").decoding, max_new_tokens=7)


def test_sets_stand_for_their_teachers_each_once():
    assert expanded(["mini_video", "mini", "git_base_vatex"])[0] == "mini_video"
    assert len(set(expanded(["mini", "mini_image"]))) == len(expanded(["mini", "mini_image"]))
    names = [step.teacher for step in panda_70m(teachers=["paper"]) if isinstance(step, Caption)]
    assert names == list(teachers_of("paper"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_new_tokens": 0}, "at least 1"),
        ({"min_new_tokens": 51}, "max_new_tokens=50"),
        ({"top_p": 0.0}, "top_p"),
        ({"temperature": 0.0}, "temperature"),
        ({"sample": True, "num_beams": 2}, "one beam"),
    ],
)
def test_decoding_without_sense_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Decoding(**settings)


def test_the_table_names_all_and_says_below_what_differs():
    text = as_table([card_of(name) for name in teachers_of("paper")])
    table, notes = text.split("\n\n")
    assert len(table.splitlines()) == 2 + 8 and len({len(line) for line in table.splitlines()}) == 1
    assert "Salesforce/blip2-opt-6.7b" in table and "minigpt4: substitute. " in notes
    assert len(notes.splitlines()) == 5


def test_inputs_and_sizes_read_well():
    assert shown_to(card_of("videochat_text")) == "8 frames, subtitle, title, description"
    assert shown_to(card_of("blip2_opt_2_7b")) == "1 frame"
    card = card_of("blip2_opt_2_7b")
    assert [size_of(dataclasses.replace(card, billions=b)) for b in (7.94, 0.26, None)] == ["7.9 B", "260 M", "?"]


def test_the_parts_of_a_pipeline_are_replaced_one_by_one():
    stage = Caption(teacher="videochat_text", parts=(("action", "here/motion"),))
    assert stage.card().part("action") == "here/motion"
    assert stage.card().part("frames") == card_of("videochat_text").part("frames") != ""
    assert stage.provenance()["parts"]["action"] == "here/motion"


def test_what_a_family_says_in_words_of_its_own_is_hashed(monkeypatch):
    from panda_hf.captioning.teachers import video_llama

    before = Caption(teacher="video_llama_pretrain").provenance()["prompt_sha256"]
    monkeypatch.setattr(video_llama, "WORDING", (*video_llama.TURNS, "Other words."))
    assert Caption(teacher="video_llama_pretrain").provenance()["prompt_sha256"] != before


def test_the_documentation_shows_the_tables_of_today():
    text = (Path(__file__).parents[2] / "docs" / "teachers.md").read_text(encoding="utf-8")
    for which in ("paper", "modern", "laptop"):
        table, *notes = as_table([card_of(name) for name in teachers_of(which)]).split("\n\n")
        assert table in text, which
        assert all(line in text for note in notes for line in note.splitlines()), which
    assert as_table([card for card in CARDS if not card.sets and not card.checkpoint.startswith("mini/")]) in text
