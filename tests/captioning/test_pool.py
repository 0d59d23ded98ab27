"""The pool of 31: counts of the paper's table 7, and the eight that were chosen from it."""

from __future__ import annotations

from collections import Counter

import pytest

from panda_hf.captioning.pool import PAPER_CHOICE, POOL, combination_of
from panda_hf.captioning.registry import card_of


def test_the_pool_counts_as_table_7_does():
    assert len(POOL) == len({one.name for one in POOL}) == 31
    families = Counter(one.model.split("_")[0] for one in POOL)
    # Video-LLaMA pretrain and finetune, VideoChat and VideoChat Text, Video-ChatGPT, BLIP-2, MiniGPT-4 7B and 13B
    assert families["video"] + families["videochat"] == 8 + 8 + 4
    assert families["blip2"] == 3 and families["minigpt4"] == 8


def test_every_combination_sees_and_only_blip2_never_reads():
    assert all("vision" in one.inputs for one in POOL)
    silent = {one.model for one in POOL} - {one.model for one in POOL if len(one.inputs) > 1}
    assert silent == {"blip2_opt_2_7b", "blip2_opt_6_7b", "blip2_flan_t5_xl"}


def test_the_eight_of_the_paper_are_in_the_pool_and_are_registered_teachers():
    chosen = [one for one in POOL if one.teacher]
    assert len(chosen) == 8 == len(PAPER_CHOICE)
    for one in chosen:
        card = card_of(one.teacher)
        assert one.sight in card.sees
        assert {kind for kind in card.sees if kind in ("subtitle", "metadata")} == set(one.inputs) - {"vision"}


def test_a_combination_is_found_by_its_name():
    assert combination_of("videochat_vs").inputs == ("vision", "subtitle")
    with pytest.raises(ValueError, match="no 'videochat_x'"):
        combination_of("videochat_x")


def test_blip2_and_minigpt4_alone_see_one_frame():
    """Paper, appendix B.1: the image models are BLIP-2 and MiniGPT-4, the others watch the video."""
    for one in POOL:
        assert one.sight == ("image" if one.model.startswith(("blip2", "minigpt4")) else "video"), one.name
