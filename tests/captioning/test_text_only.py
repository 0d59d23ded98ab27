from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from panda_hf.captioning.prompts import build_prompt
from panda_hf.captioning.registry import Decoding, TeacherCard
from panda_hf.captioning.teachers import text_only
from panda_hf.captioning.teachers.base import load_teacher, wording_of
from panda_hf.errors import CheckpointError
from panda_hf.mini.teacher_models import word_tokenizer
from panda_hf.stage import Failure
from tests.captioning import tiny

CHAT = (
    "<s>{% for m in messages %}user: {{ m['content'] }}{% endfor %}{% if add_generation_prompt %} answer:{% endif %}"
)
WORDS = [
    {"title": "red ball"},
    {"subtitle": "kiki rolls to the left and to the right and to the left"},
    {},
    {"description": "a blue cube", "title": "kiki"},
]
DECODING = Decoding(max_new_tokens=6)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language models")
    torch.manual_seed(0)
    tokenizer = word_tokenizer(("kiki", "user", "answer"), start=True)
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    llama = LlamaConfig(vocab_size=len(tokenizer), **sizes, num_key_value_heads=2, initializer_range=0.3, **ids)
    gpt2 = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, initializer_range=0.3, **ids)
    tokenizer.save_pretrained(folder / "plain")
    GPT2LMHeadModel(gpt2).save_pretrained(folder / "plain")
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder / "chat")
    LlamaForCausalLM(llama).save_pretrained(folder / "chat")
    return folder


def teacher_of(checkpoints, kind: str, sees=("text",)):
    return load_teacher(TeacherCard("reader", "text_only", str(checkpoints / kind), sees), "cpu")


def clips():
    return [tiny.clip(i, **words) for i, words in enumerate(WORDS)]


@pytest.mark.parametrize("kind", ["chat", "plain"])
@pytest.mark.parametrize("decoding", [DECODING, Decoding(max_new_tokens=6, sample=True, top_p=0.9)])
def test_a_text_is_captioned_the_same_alone_and_in_a_batch(checkpoints, kind, decoding):
    teacher = teacher_of(checkpoints, kind)
    together = teacher.caption(clips(), decoding)
    assert together == [teacher.caption([clip], decoding)[0] for clip in clips()]
    assert len({str(text) for text in together}) == 4


@pytest.mark.parametrize("kind", ["chat", "plain"])
def test_a_clip_without_words_is_not_made_up(checkpoints, kind):
    teacher = teacher_of(checkpoints, kind)
    replies = teacher.caption(clips(), DECODING)
    assert [isinstance(reply, Failure) for reply in replies] == [False, False, True, False]
    assert "no title" in replies[2].message
    assert isinstance(teacher.caption([clips()[2]], DECODING)[0], Failure)
    spoken = teacher_of(checkpoints, kind, sees=("subtitle",)).caption(clips(), DECODING)
    assert [isinstance(reply, Failure) for reply in spoken] == [True, False, True, True]


def test_the_prompt_is_a_turn_of_the_chat_template_or_something_to_complete(checkpoints):
    asked = build_prompt(teacher_of(checkpoints, "chat").processor, title="red ball")
    for kind, expected in {"chat": f"user: {asked} answer:", "plain": asked + text_only.ANSWER}.items():
        teacher = teacher_of(checkpoints, kind)
        places, batch = teacher.prepare(clips(), teacher.processor)
        assert places == [0, 1, 3]
        ids = batch["input_ids"][0][batch["attention_mask"][0].bool()].tolist()
        start, *rest = ids
        assert start == teacher.processor.bos_token_id and start not in rest
        assert rest == teacher.processor(expected, add_special_tokens=False)["input_ids"]


def test_a_missing_checkpoint_is_named(checkpoints):
    with pytest.raises(CheckpointError, match="nowhere"):
        teacher_of(checkpoints, "nowhere")


def test_the_word_that_is_completed_counts_in_the_hash_of_the_prompt(checkpoints):
    assert text_only.ANSWER in wording_of(teacher_of(checkpoints, "plain").card)
