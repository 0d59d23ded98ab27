from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, T5Config, T5ForConditionalGeneration

from panda_hf.captioning.registry.card import Decoding
from panda_hf.captioning.seeds import DrawnWords, generate_settings, gumbel, likeliest, request_seed, row_key
from panda_hf.captioning.teachers.base import ClipInput
from panda_hf.captioning.teachers.generating import generate

SAMPLING = Decoding(max_new_tokens=12, sample=True, temperature=1.0, top_p=0.95, seed=3)
PROMPTS = {"v.0": [5, 6, 7], "v.1": [8], "v.2": [5, 6, 7], "w.0": [9, 10, 11, 12, 13]}
PAD = 0


@pytest.fixture(scope="module")
def llama():
    torch.manual_seed(0)
    sizes = {"vocab_size": 60, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "initializer_range": 0.2}
    return LlamaForCausalLM(LlamaConfig(**sizes, **heads, pad_token_id=PAD, eos_token_id=1, bos_token_id=2)).eval()


@pytest.fixture(scope="module")
def t5():
    torch.manual_seed(0)
    sizes = {"vocab_size": 60, "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    return T5ForConditionalGeneration(T5Config(**sizes, decoder_start_token_id=PAD, pad_token_id=PAD)).eval()


def write(model, clip_ids, decoding=SAMPLING, teacher="t") -> dict[str, list[int]]:
    """The words written for each clip, end and padding taken off."""
    width = max(len(PROMPTS[name]) for name in clip_ids)
    ids = torch.tensor([[PAD] * (width - len(PROMPTS[name])) + PROMPTS[name] for name in clip_ids])
    settings = generate_settings(decoding, teacher, clip_ids)
    out = model.generate(input_ids=ids, attention_mask=(ids != PAD).long(), **settings)
    start = 1 if model.config.is_encoder_decoder else width
    rows = [list(itertools.takewhile(lambda word: word not in (PAD, 1), row)) for row in out[:, start:].tolist()]
    return dict(zip(clip_ids, rows, strict=True))


@pytest.mark.parametrize("own", [{"do_sample": True, "temperature": 9.0}, {"repetition_penalty": 9.0}])
def test_a_checkpoint_s_own_sampling_and_penalty_do_not_slip_in(llama, own, monkeypatch):
    greedy = Decoding(max_new_tokens=12)
    expected = write(llama, PROMPTS, greedy)
    for name, value in own.items():
        monkeypatch.setattr(llama.generation_config, name, value)
    assert write(llama, PROMPTS, greedy) == expected


OWN = {
    "no_repeat_ngram_size": 1,
    "suppress_tokens": list(range(3, 40)),
    "begin_suppress_tokens": list(range(3, 40)),
    "forced_eos_token_id": 7,
    "guidance_scale": 3.0,
    "exponential_decay_length_penalty": (1, 9.0),
    "max_time": 0.0,
    "min_new_tokens": 5,
    "return_dict_in_generate": True,
    "stop_strings": ["a"],
    "penalty_alpha": 0.6,
}


@pytest.mark.parametrize("name", OWN)
def test_no_setting_of_a_checkpoint_changes_what_a_teacher_writes(llama, monkeypatch, name):
    clips = [ClipInput("v.0", np.zeros((1, 2, 2, 3), np.uint8))]
    ids = {"input_ids": torch.tensor([PROMPTS["v.0"]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    plain = GenerationConfig(bos_token_id=2, eos_token_id=1, pad_token_id=PAD)
    monkeypatch.setattr(llama, "generation_config", plain)
    expected = generate(llama, ids, "t", clips, Decoding(max_new_tokens=8))
    own = GenerationConfig(**plain.to_diff_dict())
    setattr(own, name, OWN[name])
    monkeypatch.setattr(llama, "generation_config", own)
    assert torch.equal(generate(llama, ids, "t", clips, Decoding(max_new_tokens=8)), expected)


@pytest.mark.parametrize("kind", ["llama", "t5"])
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_a_sampled_caption_is_the_same_alone_in_a_batch_and_in_another_order(kind, penalty, request):
    model = request.getfixturevalue(kind)
    decoding = Decoding(max_new_tokens=12, sample=True, top_p=0.95, seed=3, repetition_penalty=penalty)
    together = write(model, list(PROMPTS), decoding)
    assert write(model, list(PROMPTS)[::-1], decoding) == together
    assert {name: write(model, [name], decoding)[name] for name in PROMPTS} == together
    assert any(together.values())


def test_a_penalty_without_sampling_does_not_see_the_padding_of_the_batch(llama):
    decoding = Decoding(max_new_tokens=12, num_beams=2, repetition_penalty=1.5)
    together = write(llama, list(PROMPTS), decoding)
    assert {name: write(llama, [name], decoding)[name] for name in PROMPTS} == together
    assert together != write(llama, list(PROMPTS), Decoding(max_new_tokens=12, num_beams=2))


def test_clips_seeds_and_teachers_draw_differently(llama):
    first = write(llama, ["v.0", "v.2"])
    assert first["v.0"] != first["v.2"]  # the same prompt, another clip
    assert write(llama, ["v.0"], Decoding(max_new_tokens=12, sample=True, seed=4))["v.0"] != first["v.0"]
    assert write(llama, ["v.0"], teacher="u")["v.0"] != first["v.0"]


def test_what_was_drawn_before_does_not_matter(llama):
    first = write(llama, ["v.0"])
    torch.manual_seed(123)
    write(llama, ["v.1", "w.0"])
    assert write(llama, ["v.0"]) == first


def test_words_are_drawn_as_often_as_their_chance():
    chances = torch.tensor([0.5, 0.3, 0.15, 0.05])
    keys = [f"0/t/v.{i}" for i in range(20_000)]
    draw = DrawnWords(Decoding(sample=True, temperature=1.0), keys)
    words = draw(torch.zeros(len(keys), 3, dtype=torch.long), chances.log().expand(len(keys), 4)).argmax(dim=-1)
    # Standard deviation of a share of 20,000 draws is below 0.0036: 0.015 is four of them.
    assert np.allclose(np.bincount(words.numpy()) / len(keys), chances.numpy(), atol=0.015)


def test_temperature_sharpens_and_top_p_cuts():
    scores = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    # 0.5 alone is less than 0.6, with 0.3 it is enough.
    assert torch.allclose(likeliest(scores, 0.6), torch.tensor([[0.5, 0.3, 0.0, 0.0]]))
    assert torch.allclose(likeliest(scores, 1.0), torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    keys = [f"0/t/v.{i}" for i in range(500)]
    cold = DrawnWords(Decoding(sample=True, temperature=0.01), keys)
    words = cold(torch.zeros(500, 1, dtype=torch.long), scores.expand(500, 4)).argmax(dim=-1)
    assert set(words.tolist()) == {0}


def test_a_word_without_a_chance_is_never_drawn():
    scores = torch.full((1000, 5), -torch.inf)
    scores[:, 2] = 0.0
    draw = DrawnWords(Decoding(sample=True), [str(i) for i in range(1000)])
    assert set(draw(torch.zeros(1000, 1, dtype=torch.long), scores).argmax(dim=-1).tolist()) == {2}


def test_another_number_of_rows_than_of_clips_is_refused():
    draw = DrawnWords(Decoding(sample=True), ["a"])
    with pytest.raises(ValueError, match="one row a clip"):
        draw(torch.zeros(2, 1, dtype=torch.long), torch.zeros(2, 4))


def test_the_noise_is_gumbel_noise_and_its_own_for_each_key_step_and_word():
    words = torch.arange(1000)
    noise = torch.stack([gumbel(["a", "b"], step, words) for step in range(10)])
    assert len(noise.unique()) == noise.numel()
    # The mean of Gumbel noise is Euler's constant, its variance pi^2 / 6; of 20,000 the standard errors are
    # 1.28 / 141 = 0.009 and, from the fourth moment, 0.025: four of them.
    assert abs(float(noise.mean()) - 0.5772) < 0.036
    assert abs(float(noise.var()) - np.pi**2 / 6) < 0.1
    series = noise[:, 0].flatten().numpy()
    assert abs(np.corrcoef(series[1:], series[:-1])[0, 1]) < 0.04
    assert abs(np.corrcoef(noise[:, 0].flatten(), noise[:, 1].flatten())[0, 1]) < 0.04


def test_a_word_s_noise_does_not_depend_on_which_others_may_be_drawn():
    alone = gumbel(["a"], 3, torch.tensor([7, 400]))
    assert torch.equal(gumbel(["z", "a"], 3, torch.arange(500))[1:, [7, 400]], alone)


def test_scores_that_differ_in_the_last_bits_of_16_draw_the_same_word_nearly_always():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(1000, 1500, generator=generator) * 2.5
    noisy = scores + torch.randn(1000, 1500, generator=generator) * 0.02
    keys = [f"0/t/v.{i}" for i in range(1000)]
    ids = torch.zeros(1000, 1, dtype=torch.long)
    drawn = [DrawnWords(Decoding(sample=True), keys)(ids, s).argmax(dim=-1) for s in (scores, noisy)]
    total_variation = float((scores.softmax(-1) - noisy.softmax(-1)).abs().sum(dim=-1).mean() / 2)
    # No two draws can differ more rarely than by the total variation; Gumbel-max does by at most twice that.
    assert float((drawn[0] != drawn[1]).float().mean()) < 2 * total_variation + 0.01


def test_a_server_is_given_a_seed_of_its_own_for_each_clip():
    seeds = {request_seed(row_key(SAMPLING, "t", f"v.{i}")) for i in range(1000)}
    assert len(seeds) == 1000 and all(0 <= seed < 2**31 for seed in seeds)
