"""The student: parity with the official code, the blocked gradient, rows that do not depend on each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from panda_hf.models.student import PandaStudentConfig, PandaStudentForConditionalGeneration
from panda_hf.models.student.convert_student import convert_student_state
from tests.models.student_reference import stages
from tests.models.student_sizes import frames_of, tiny_config, tiny_model, tiny_processor

SUBTITLES = ["a red ball", None, None]
METADATA = [("the big square", None), None, (None, "a small blue ball rolls to the left and the world is large")]


def inputs_of(rows=range(3), **settings: Any):
    processor = tiny_processor()
    pick = [SUBTITLES[i] for i in rows], [METADATA[i] for i in rows]
    return processor(videos=[frames_of(3)[i] for i in rows], subtitles=pick[0], metadata=pick[1], **settings)


def batch():
    return inputs_of(captions=["A red ball rolls!", "a blue square", "The small green ball jumps up."])


# --- parity -------------------------------------------------------------------------------------------------------


def official(shared) -> tuple[dict[str, Any], PandaStudentConfig]:
    """The golden file, and the configuration of its sizes."""
    golden = torch.load(shared / "reference" / "golden" / "student_tiny.pt", weights_only=True)
    dims, state = golden["dims"], golden["state_dict"]
    vision = {"hidden_size": dims["vis"], "intermediate_size": 384, "num_hidden_layers": 3, "num_attention_heads": 2}
    heads = {"hidden_size": dims["q"], "num_attention_heads": dims["heads_q"], "intermediate_size": 128}
    text = {"vocab_size": 64, "hidden_size": dims["llm"], "intermediate_size": 8, "num_hidden_layers": 1}
    config = PandaStudentConfig(
        vision_config={**vision, "image_size": 28},
        qformer_config={**heads, "num_hidden_layers": 4},
        video_qformer_config={"intermediate_size": 128},
        text_qformer_config={"intermediate_size": 128, "num_attention_heads": dims["heads_q"]},
        text_config={"model_type": "llama", **text, "num_attention_heads": 2},
        num_query_tokens=dims["nq"],
        num_video_tokens=dims["nq"],
        max_frames=len(state["video_frame_position_embedding.weight"]),
        max_prompt_tokens=len(state["text_prompt_position_embedding.weight"]),
        prompt_positions="batch",
    )
    return golden, config


def ours(state: dict[str, torch.Tensor], config: PandaStudentConfig) -> PandaStudentForConditionalGeneration:
    """The converted model; its language model, of which the golden file has only the words, is at random."""
    model = PandaStudentForConditionalGeneration(config).eval()
    words = {k: v for k, v in model.state_dict().items() if k.startswith("language_model")}
    model.load_state_dict(convert_student_state(state, config, words))
    return model


def stages_of(model: PandaStudentForConditionalGeneration, golden: dict[str, Any]) -> dict[str, torch.Tensor]:
    seen: dict[str, torch.Tensor] = {}

    def keep(module: Any, given: Any, normed: torch.Tensor) -> None:
        if given[0].ndim == 3:  # and not the class token alone
            seen["vit_out"], seen["ln_vision_out"] = given[0], normed

    model.vision_model.post_layernorm.register_forward_hook(keep)
    pixels = golden["video"].transpose(1, 2)
    with torch.no_grad():
        frames = model.get_frame_features(pixels.flatten(0, 1))
        video = model.get_video_features(pixels)
        text, _ = model.get_text_features(video, golden["prompt_ids"], golden["prompt_mask"])
    return {**seen, "qformer_out": frames, "video_tokens": video, "text_tokens": text}


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_every_stage_is_that_of_the_official_code(shared, seed):
    """With the golden weights, and with others, for which the stages are computed a second time in plain torch."""
    golden, config = official(shared)
    state = golden["state_dict"]
    if seed is not None:
        torch.manual_seed(seed)
        state = {k: torch.randn_like(v) * 0.1 if v.is_floating_point() else v for k, v in state.items()}
        state |= {k: 1 + v for k, v in state.items() if "norm" in k.lower() and k.endswith("weight")}
        golden["video"] = torch.randn_like(golden["video"])
    found = stages_of(ours(state, config), golden)
    plain = stages(state, golden["video"].transpose(1, 2), golden["prompt_ids"], golden["prompt_mask"], (2, 4, 4))
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, plain[name], atol=1e-4, rtol=0, msg=name)
        if seed is None:
            torch.testing.assert_close(tensor, golden[name], atol=1e-4, rtol=0, msg=name)


def test_a_text_alone_is_read_alike_by_both_ways_of_counting_positions():
    model, alone = tiny_model(), inputs_of([0])
    video = model.get_video_features(alone["pixel_values"])
    own, _ = model.get_text_features(video, alone["prompt_ids"], alone["prompt_mask"])
    model.config.prompt_positions = "batch"
    official_way, _ = model.get_text_features(video, alone["prompt_ids"], alone["prompt_mask"])
    torch.testing.assert_close(own, official_way)


# --- the gradient -------------------------------------------------------------------------------------------------

SEEING = ("vision_model", "query_tokens", "qformer", "frame_position", "video_query", "video_qformer", "projection")


def gradients(model: PandaStudentForConditionalGeneration, cut: str | None) -> dict[str, torch.Tensor | None]:
    """Of the caption loss with respect to the branch that sees, where what passes one path is cut off."""
    inputs = batch()
    video = model.get_video_features(inputs["pixel_values"])
    text, told = model.get_text_features(video, inputs["prompt_ids"], inputs["prompt_mask"])
    prefix, mask = model.get_prefix(*(video.detach(), text) if cut == "video" else (video, text), told)
    words = model.get_input_embeddings()(inputs["input_ids"])
    labels = torch.cat([torch.full(mask.shape, -100), inputs["labels"]], dim=1)
    model.language_model(
        inputs_embeds=torch.cat([prefix, words], dim=1),
        attention_mask=torch.cat([mask, inputs["attention_mask"]], dim=1),
        labels=labels,
    ).loss.backward()
    return {name: weight.grad for name, weight in model.named_parameters() if name.startswith(SEEING)}


def test_no_gradient_passes_from_the_text_into_the_branch_that_sees():
    model = tiny_model()
    assert all(grad is None or not grad.any() for grad in gradients(model, cut="video").values())
    text = [p.grad for n, p in model.named_parameters() if n.startswith("text_qformer") and "key.bias" not in n]
    assert all(grad is not None and grad.any() for grad in text)


def test_the_gradient_passes_along_the_video():
    found = gradients(tiny_model(), cut=None)
    silent = [name for name, grad in found.items() if grad is None or not grad.any()]
    assert not [name for name in silent if "key.bias" not in name]


def test_what_a_whole_pass_teaches_the_branch_that_sees_is_the_same_with_the_text_held_still():
    found = []
    for held in (False, True):
        model = tiny_model()
        if held:
            read = model.get_text_features

            def still(*given: Any, read=read) -> tuple[torch.Tensor, torch.Tensor]:
                tokens, told = read(*given)
                return tokens.detach(), told

            model.get_text_features = still
        model(**batch()).loss.backward()
        found.append({n: p.grad for n, p in model.named_parameters() if n.startswith(SEEING)})
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_the_loss_is_that_of_the_caption_alone_and_divides_by_what_it_is_told():
    model, inputs = tiny_model(), batch()
    out = model(**inputs)
    assert out.logits.shape[:2] == inputs["labels"].shape
    chances = out.logits.log_softmax(-1).gather(2, inputs["input_ids"][..., None])[..., 0]
    wanted = -chances[inputs["attention_mask"] == 1]
    torch.testing.assert_close(out.loss, wanted.mean())
    torch.testing.assert_close(model(**inputs, num_items_in_batch=torch.tensor(7)).loss, wanted.sum() / 7)


# --- batches ------------------------------------------------------------------------------------------------------


def test_no_row_depends_on_its_neighbours():
    model, together = tiny_model(), inputs_of()
    all_scores, written = model(**together).logits, model.generate(**together, max_new_tokens=8, min_new_tokens=8)
    for row in range(3):
        alone = inputs_of([row])
        torch.testing.assert_close(model(**alone).logits[0], all_scores[row], atol=1e-4, rtol=0)
        assert torch.equal(model.generate(**alone, max_new_tokens=8, min_new_tokens=8)[0], written[row])


def test_the_official_positions_let_a_row_depend_on_the_longest_text():
    model = tiny_model(prompt_positions="batch")
    apart = model(**inputs_of([0])).logits[0] - model(**inputs_of()).logits[0]
    assert apart.abs().max() > 1e-2


def test_a_row_without_text_reads_the_start_token_and_the_video_and_nothing_else():
    model, inputs = tiny_model(), inputs_of()
    video, text, prefix, mask = model._read(**inputs, video_tokens=None)
    count = model.config.num_video_tokens
    assert mask.sum(dim=1).tolist() == [1 + 2 * count, 1 + count, 1 + 2 * count]
    start = model.get_input_embeddings().weight[model.config.start_token_id]
    torch.testing.assert_close(prefix[1, count:], torch.cat([start[None], video[1]]))
    torch.testing.assert_close(prefix[0], torch.cat([start[None], text[0], video[0]]))


def test_the_text_changes_what_is_written():
    model, told, other = tiny_model(), inputs_of([0]), inputs_of([0])
    other["prompt_ids"][0, 5:] = 7
    assert (model(**told).logits - model(**other).logits).abs().max() > 1e-2


def test_videos_that_were_seen_before_are_not_looked_at_again():
    model, inputs = tiny_model(), inputs_of()
    seen = model.get_video_features(inputs.pop("pixel_values"))
    looks: list[int] = []
    model.vision_model.register_forward_hook(lambda *_: looks.append(1))
    again = model.generate(video_tokens=seen, **inputs, num_beams=3, max_new_tokens=5)
    assert torch.equal(again, model.generate(**inputs_of(), num_beams=3, max_new_tokens=5)) and len(looks) == 1


def test_generating_and_scoring_agree_on_the_likeliest_words():
    model, inputs = tiny_model(), inputs_of()
    written = model.generate(**inputs, max_new_tokens=4, min_new_tokens=4)
    scores = model(**inputs, input_ids=written, attention_mask=torch.ones_like(written)).logits
    scores[..., model.generation_config.eos_token_id] = -torch.inf
    assert torch.equal(scores.argmax(-1), written)


# --- what is trained, what is refused -----------------------------------------------------------------------------


def test_frozen_parts_learn_nothing_drop_nothing_and_may_be_of_half_precision():
    model = tiny_model()
    model.freeze(dtype=torch.bfloat16)
    model.train()
    assert model.trainable_part_names() == ("video", "text")
    assert not model.vision_model.training and not model.language_model.training and model.video_qformer.training
    kinds = {p.dtype for n, p in model.named_parameters() if n.startswith(("vision", "qformer", "language"))}
    assert kinds == {torch.bfloat16} and model.video_qformer.dtype == torch.float32
    model(**batch()).loss.backward()
    learned = {name.split(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}
    assert learned == {
        "frame_position_embedding",
        "video_query_tokens",
        "video_qformer",
        "projection",
        "text_position_embedding",
        "text_qformer",
    }
    model.freeze(())
    assert len(model.trainable_part_names()) == 5 and model.language_model.training


def test_wrong_parts_and_settings_are_refused_by_name():
    with pytest.raises(ValueError, match="eyes"):
        tiny_model().freeze(("eyes",))
    with pytest.raises(ValueError, match="num_frames"):
        tiny_config(num_frames=8)
    with pytest.raises(ValueError, match="must be 'own' or 'batch'"):
        tiny_config(prompt_positions="mine")
    with pytest.raises(ValueError, match="needs a causal language"):
        PandaStudentConfig(text_config={"model_type": "t5"})
    with pytest.raises(ValueError, match="32 wide"):
        tiny_config(video_qformer_config={"encoder_hidden_size": 5})
    with pytest.raises(ValueError, match="7 frames"):
        tiny_model().get_video_features(torch.zeros(1, 7, 3, 28, 28))
    with pytest.raises(ValueError, match="a text of 61 tokens"):
        tiny_model()(pixel_values=torch.zeros(1, 4, 3, 28, 28), prompt_ids=torch.ones(1, 61, dtype=torch.long))
    with pytest.raises(ValueError, match="either pixel_values or video_tokens"):
        tiny_model()()


@pytest.mark.parametrize(
    "language",
    [
        {"model_type": "gpt2", "n_embd": 48, "n_layer": 1, "n_head": 2, "n_positions": 64, "initializer_range": 0.3},
        {"model_type": "opt", "hidden_size": 48, "word_embed_proj_dim": 32, "num_hidden_layers": 1, "ffn_dim": 8},
        {"model_type": "qwen3", "hidden_size": 48, "intermediate_size": 8, "num_hidden_layers": 1, "head_dim": 8},
    ],
)
def test_any_causal_language_model_writes_and_its_rows_stay_apart(language, tmp_path):
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2} if language["model_type"] != "gpt2" else {}
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    size = len(tiny_processor().tokenizer)
    model = tiny_model(text_config={"vocab_size": size, **language, **heads, **special})
    model.save_pretrained(tmp_path)
    model, info = PandaStudentForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    scores = model.eval()(**inputs_of()).logits
    torch.testing.assert_close(model(**inputs_of([1])).logits[0], scores[1], atol=1e-4, rtol=0)
    assert model.generate(**inputs_of(), max_new_tokens=3, min_new_tokens=3).shape == (3, 3)
