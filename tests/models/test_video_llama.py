"""Video-LLaMA: shapes, saving, registration, conversion, and parity with the official code's tensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor, LlamaConfig, LlamaForCausalLM

from panda_hf.errors import CheckpointError
from panda_hf.mini.teacher_models import image_teacher, word_tokenizer
from panda_hf.models.video_llama import VideoLlamaConfig, VideoLlamaForConditionalGeneration
from panda_hf.models.video_llama.convert_video_llama import (
    blip2_eyes,
    convert,
    convert_state_dict,
    language_model_of,
)
from panda_hf.models.video_llama.processing_video_llama import PLACE
from tests.models.video_llama_sizes import save, tiny_config, tiny_model, tiny_processor


def clips(count: int = 2) -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (5, 40, 60, 3), np.uint8) for i in range(count)]


def inputs_of(processor, prompts=(f"{PLACE} a red ball", f"a {PLACE}")):
    return processor(videos=clips(len(prompts)), text=list(prompts))


def test_the_video_takes_the_places_that_the_prompt_keeps_for_it():
    processor = tiny_processor()
    model, inputs = tiny_model(processor.tokenizer), inputs_of(processor)
    embeds = model.embed(inputs["input_ids"], inputs["pixel_values"])
    video = model.get_video_features(inputs["pixel_values"])
    assert video.shape == (2, 3, 48)
    for row in range(2):
        places = (inputs["input_ids"][row] == model.config.video_token_id).nonzero()[:, 0]
        torch.testing.assert_close(embeds[row, places], video[row])
    words = model.language_model.get_input_embeddings()(inputs["input_ids"][0, -3:])
    torch.testing.assert_close(embeds[0, -3:], words)


def test_a_prompt_alone_is_continued_as_in_a_batch():
    processor = tiny_processor()
    model = tiny_model(processor.tokenizer)
    together = model.generate(**inputs_of(processor), max_new_tokens=6, do_sample=False)
    alone = model.generate(**inputs_of(processor, (f"{PLACE} a red ball",)), max_new_tokens=6, do_sample=False)
    length = alone.shape[1]
    assert torch.equal(together[:1, :length], alone)


def test_frames_are_told_apart_by_their_places():
    processor = tiny_processor()
    model, pixels = tiny_model(processor.tokenizer), inputs_of(processor)["pixel_values"]
    with torch.no_grad():
        difference = model.get_video_features(pixels) - model.get_video_features(pixels.flip(1))
    assert difference.abs().max() > 1e-3


def test_the_loss_teaches_all_parts_but_the_places_of_absent_frames():
    processor = tiny_processor()
    model, inputs = tiny_model(processor.tokenizer), inputs_of(processor)
    labels = inputs["input_ids"].masked_fill(inputs["input_ids"] == model.config.video_token_id, -100)
    model(**inputs, labels=labels).loss.backward()
    silent = {name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert not {name for name in silent if "key.bias" not in name}  # softmax does not see a bias of keys
    assert not model.frame_position_embedding.weight.grad[4:].any()  # four frames were shown


def test_saved_models_and_processors_load_through_the_auto_classes(tmp_path):
    folder = save(tmp_path / "saved")
    loaded, info = AutoModelForImageTextToText.from_pretrained(folder, output_loading_info=True)
    processor = AutoProcessor.from_pretrained(folder)
    assert isinstance(loaded, VideoLlamaForConditionalGeneration)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert (folder / "model.safetensors").exists()
    before = tiny_model(processor.tokenizer).generate(**inputs_of(tiny_processor()), max_new_tokens=5, do_sample=False)
    assert torch.equal(loaded.eval().generate(**inputs_of(processor), max_new_tokens=5, do_sample=False), before)


@pytest.mark.parametrize("prompt", ["no place", f"{PLACE} {PLACE}"])
def test_a_prompt_with_another_number_of_places_is_refused(prompt):
    with pytest.raises(ValueError, match="once in each"):
        inputs_of(tiny_processor(), (prompt,))


def test_more_frames_than_places_are_refused():
    processor = tiny_processor()
    with pytest.raises(ValueError, match="7 frames"):
        tiny_model(processor.tokenizer).get_video_features(torch.zeros(1, 7, 3, 28, 28))


# --- the official checkpoint --------------------------------------------------------------------------------------


def official_names(model: VideoLlamaForConditionalGeneration) -> dict[str, torch.Tensor]:
    """The tensors under the official names, written down a second time and independently of the converter."""
    out = {}
    for name, tensor in model.state_dict().items():
        if name.startswith("language_model."):
            out["llama_model." + name.removeprefix("language_model.")] = tensor
        elif name.startswith("vision_model."):
            out |= official_vision(name.removeprefix("vision_model."), tensor)
        elif "qformer." in name:
            room, rest = name.split("qformer.")
            rest = rest.replace("attention.attention.", "attention.self.")
            rest = rest.replace("layernorm.", "embeddings.LayerNorm.") if rest.startswith("layernorm") else rest
            out[f"{room}Qformer.bert.{rest}"] = tensor
        else:
            renamed = {"frame_position_embedding.weight": "video_frame_position_embedding.weight"}
            out[renamed.get(name, name.replace("projection.", "llama_proj."))] = tensor
    return out


def official_vision(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    flat = {
        "embeddings.class_embedding": "visual_encoder.cls_token",
        "embeddings.position_embedding": "visual_encoder.pos_embed",
        "embeddings.patch_embedding.weight": "visual_encoder.patch_embed.proj.weight",
        "embeddings.patch_embedding.bias": "visual_encoder.patch_embed.proj.bias",
        "post_layernorm.weight": "ln_vision.weight",
        "post_layernorm.bias": "ln_vision.bias",
    }
    if name in flat:
        return {flat[name]: tensor}
    layer, rest = name.removeprefix("encoder.layers.").split(".", 1)
    block = f"visual_encoder.blocks.{layer}."
    if rest == "self_attn.qkv.bias":
        width = len(tensor) // 3
        return {block + "attn.q_bias": tensor[:width], block + "attn.v_bias": tensor[2 * width :]}
    for ours, theirs in (("self_attn.projection", "attn.proj"), ("self_attn", "attn"), ("layer_norm", "norm")):
        rest = rest.replace(ours, theirs)
    return {block + rest: tensor}


@pytest.fixture
def model() -> VideoLlamaForConditionalGeneration:
    model = tiny_model(tiny_processor().tokenizer)
    for name, tensor in model.state_dict().items():
        if name.endswith("qkv.bias"):
            tensor[len(tensor) // 3 : 2 * len(tensor) // 3] = 0  # the official tower has no bias of keys
    return model


def test_a_checkpoint_under_official_names_converts_whole(model):
    official = official_names(model) | {"Qformer.bert.embeddings.position_ids": torch.arange(5)[None]}
    for nested in (official, {"model": official, "epoch": 3}):
        converted = convert_state_dict(nested, model.config)
        assert converted.keys() == model.state_dict().keys()
        assert all(torch.equal(converted[name], tensor) for name, tensor in model.state_dict().items())


def test_missing_and_left_over_tensors_are_refused_by_name(model):
    official = official_names(model)
    with pytest.raises(CheckpointError, match=r"1 missing.*projection.bias \(48,\)"):
        convert_state_dict({k: v for k, v in official.items() if k != "llama_proj.bias"}, model.config)
    with pytest.raises(CheckpointError, match="qkv.bias"):
        convert_state_dict({k: v for k, v in official.items() if not k.endswith(".1.attn.v_bias")}, model.config)
    with pytest.raises(CheckpointError, match=r"1 left over: \['text_Qformer.bert.x'\]"):
        convert_state_dict({**official, "text_Qformer.bert.x": torch.zeros(1)}, model.config)
    with pytest.raises(CheckpointError, match="of another shape"):
        convert_state_dict({**official, "video_query_tokens": torch.zeros(1, 2, 32)}, model.config)


def test_what_was_frozen_comes_from_blip2_and_the_language_model(model, tmp_path):
    """From the three files that a user has to one folder, at toy size."""
    trained = {
        name: tensor for name, tensor in official_names(model).items() if name.startswith(("video_", "llama_proj"))
    }
    torch.save({"model": trained, "epoch": 1}, tmp_path / "pretrain.pth")
    eyes = {k: v for k, v in model.state_dict().items() if k.startswith(("vision_model", "qformer", "query_tokens"))}
    blip2 = blip2_folder(tmp_path / "blip2", model.config, eyes)
    assert blip2_eyes(str(blip2)).keys() == eyes.keys()
    words = tmp_path / "words"
    model.language_model.save_pretrained(words)
    tokenizer = tiny_processor().tokenizer
    word_tokenizer(start=True).save_pretrained(words)
    convert(tmp_path / "pretrain.pth", str(blip2), str(words), tmp_path / "out")
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    pixels = inputs_of(tiny_processor())["pixel_values"]
    with torch.no_grad():
        expected, got = model.get_video_features(pixels), loaded.get_video_features(pixels)
    torch.testing.assert_close(got, expected)
    assert loaded.config.video_token_id == tokenizer.convert_tokens_to_ids(PLACE)
    processor = AutoProcessor.from_pretrained(tmp_path / "out")
    assert (processor.num_video_tokens, processor.image_size) == (3, 28)


def as_bins(folder: Path) -> None:
    """A folder of safetensors as it would have been saved in 2023: `pytorch_model-0000x.bin` and their index."""
    where = {}
    for number, file in enumerate(sorted(folder.glob("*.safetensors"))):
        tensors = load_file(file)
        where |= dict.fromkeys(tensors, f"pytorch_model-{number}.bin")
        torch.save(tensors, folder / f"pytorch_model-{number}.bin")
        file.unlink()
    (folder / "model.safetensors.index.json").unlink()
    index = {"metadata": {"total_size": 1}, "weight_map": where}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_the_language_model_may_be_in_several_files_of_either_form(model, form, tmp_path):
    model.language_model.save_pretrained(tmp_path / "words", max_shard_size="20KB")
    assert len(list((tmp_path / "words").glob("*.safetensors"))) > 1
    if form == "bin":
        as_bins(tmp_path / "words")
    expected, found = model.language_model.state_dict(), language_model_of(str(tmp_path / "words")).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor.half()) for name, tensor in expected.items())


class Trap:
    """What a file of weights can do where anything in it is believed."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_of_a_language_model_in_bin_nothing_but_tensors_is_read(model, tmp_path):
    model.language_model.save_pretrained(tmp_path / "words")
    (tmp_path / "words" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="words.*cannot be read as tensors"):
        language_model_of(str(tmp_path / "words"))
    torch.save({"x": Trap(tmp_path / "ran")}, tmp_path / "words" / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="words.*cannot be read as tensors"):
        language_model_of(str(tmp_path / "words"))
    assert not (tmp_path / "ran").exists()
    torch.save({"model.norm.weight": torch.ones(48)}, tmp_path / "words" / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="lacks"):
        language_model_of(str(tmp_path / "words"))


def blip2_folder(folder: Path, config: VideoLlamaConfig, eyes: dict[str, torch.Tensor]) -> Path:
    from transformers import Blip2Config

    Blip2Config(
        vision_config=config.vision_config.to_dict(),
        qformer_config=config.qformer_config.to_dict(),
        num_query_tokens=config.num_query_tokens,
    ).save_pretrained(folder)
    tensors = {name: tensor.clone() for name, tensor in eyes.items()} | {"language_projection.bias": torch.zeros(3)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_the_official_code_sees_the_same_video(shared):
    golden = torch.load(shared / "reference" / "golden" / "student_tiny.pt", weights_only=True)
    state, dims = golden["state_dict"], golden["dims"]
    vision = {"hidden_size": dims["vis"], "intermediate_size": 384, "num_hidden_layers": 3, "num_attention_heads": 2}
    heads = {"hidden_size": dims["q"], "num_attention_heads": dims["heads_q"], "intermediate_size": 128}
    llama = LlamaConfig(
        vocab_size=64,
        hidden_size=dims["llm"],
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    config = VideoLlamaConfig(
        vision_config={**vision, "image_size": 28},
        qformer_config={**heads, "num_hidden_layers": 4, "encoder_hidden_size": dims["vis"]},
        video_qformer_config={
            **heads,
            "num_hidden_layers": 2,
            "encoder_hidden_size": dims["q"],
            "cross_attention_frequency": 1,
        },
        text_config=llama.to_dict(),
        num_query_tokens=dims["nq"],
        num_video_query_tokens=dims["nq"],
        max_frames=len(state["video_frame_position_embedding.weight"]),
    )
    branch = {k: v for k, v in state.items() if not k.startswith(("text_", "llama_model"))}
    words = {f"language_model.{k}": v for k, v in LlamaForCausalLM(llama).state_dict().items()}
    model = VideoLlamaForConditionalGeneration(config).eval()
    model.load_state_dict(convert_state_dict(branch, config, words))
    with torch.no_grad():
        tokens = model.get_video_features(golden["video"].transpose(1, 2))
    torch.testing.assert_close(tokens, golden["video_tokens"], atol=1e-5, rtol=0)


def test_settings_survive_a_round_trip():
    config = tiny_config(tiny_processor().tokenizer)
    again = VideoLlamaConfig.from_dict(config.to_dict())
    assert again.to_dict() == config.to_dict() and again.video_qformer_config.cross_attention_frequency == 1


def test_a_second_qformer_of_another_width_is_refused():
    with pytest.raises(ValueError, match="must be 768"):
        VideoLlamaConfig(video_qformer_config={"encoder_hidden_size": 5})


def test_the_eyes_of_a_blip2_in_several_files_are_found(tmp_path):
    model, _ = image_teacher()
    model.save_pretrained(tmp_path / "blip2", max_shard_size="500KB")
    assert len(list((tmp_path / "blip2").glob("*.safetensors"))) > 2
    ours = ("vision_model.", "qformer.", "query_tokens")
    expected = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(ours)}
    found = blip2_eyes(str(tmp_path / "blip2"))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_a_blip2_without_safetensors_is_refused(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match="safetensors"):
        blip2_eyes(str(tmp_path))
