"""A student writes before the visitor's eyes; without one the page says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from panda_hf.errors import CheckpointError
from panda_hf.showing import pages
from panda_hf.showing.captions import caption_clip
from panda_hf.showing.cast import Choices
from panda_hf.showing.desk import Desk
from panda_hf.showing.limits import Limits
from panda_hf.showing.student import Words, load_student, stream_caption, written

WORDS = "a red ball rolls to the left in paris . cube spins on green field Write one sentence".split()
FRAMES = np.random.default_rng(0).integers(0, 256, (8, 32, 40, 3), np.uint8)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of random weights, saved as any student is."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from panda_hf.models.student import (
        PandaStudentConfig,
        PandaStudentForConditionalGeneration,
        PandaStudentProcessor,
    )

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("student")
    vocabulary = {word: i for i, word in enumerate(["<unk>", "<s>", "</s>", *dict.fromkeys(WORDS)])}
    bare = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    bare.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bare, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = PandaStudentConfig(
        vision_config={**small, "image_size": 28, "patch_size": 14},
        qformer_config={**small, "encoder_hidden_size": 32, "vocab_size": 8},
        video_qformer_config={**small, "cross_attention_frequency": 1, "encoder_hidden_size": 32, "vocab_size": 8},
        text_qformer_config={**small, "cross_attention_frequency": 1, "encoder_hidden_size": 32, "vocab_size": 8},
        text_config={
            "model_type": "llama", **small, "vocab_size": len(vocabulary), "bos_token_id": 1, "eos_token_id": 2,
            "pad_token_id": 2,
        },
        num_query_tokens=4,
        num_video_tokens=4,
        max_frames=8,
    )  # fmt: skip
    PandaStudentForConditionalGeneration(config).save_pretrained(folder)
    PandaStudentProcessor(tokenizer, image_size=28).save_pretrained(folder)
    return folder


def test_the_pieces_of_a_caption_make_up_what_generate_writes(checkpoint: Path) -> None:
    import torch

    student = load_student(str(checkpoint))
    words = Words("a red ball", None, "paris")
    pieces = list(stream_caption(str(checkpoint), FRAMES, words))
    inputs = student.processor(videos=[FRAMES], subtitles=["paris"], metadata=[("a red ball", None)])
    with torch.inference_mode():
        ids = student.model.generate(**inputs, max_new_tokens=48, do_sample=False)
    [expected] = student.processor.batch_decode(ids, skip_special_tokens=True)
    assert "".join(pieces).split() == expected.split() and len(pieces) > 1


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be loaded as a student"):
        load_student(str(tmp_path))


def test_a_text_that_is_no_sentence_is_none() -> None:
    assert written("") is None and written(" a red ball ") == "a red ball"


def test_a_clip_is_captioned_by_the_student_with_the_words_and_without(checkpoint: Path, film: Path) -> None:
    choices = Choices.from_environment({"PANDA_TEACHERS": "mini_image", "PANDA_STUDENT": f"{checkpoint},none"})
    assert choices.students[:2] == (str(checkpoint), "none")
    desk = Desk.open(choices, Limits(at_once=1))
    try:
        own = desk.visits.adopt(desk.visits.of("a"), str(film), "a.mp4", one_clip=True)
        arguments = desk.visits.helpers, desk.limits
        states = list(caption_clip(own, Words("a red ball", None, None), choices.default, *arguments))
        assert sum(state.doing == "The student writes" for state in states) > 1
        last = states[-1]
        assert last.student is not None and last.readings[0].name == "student" and last.caption
        assert "The student writes" in pages.captioned(last, choices.default)
        assert "No student is loaded" not in pages.captioned(last, choices.default)
        without = choices.cast("none", (), None)
        assert "No student is loaded" in pages.captioned(
            list(caption_clip(own, Words(), without, *arguments))[-1], without
        )
    finally:
        desk.visits.close()
