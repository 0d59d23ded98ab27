"""Students from official files, from any BLIP-2 and any causal LM; sizes and names of the official one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import Blip2Config, LlamaForCausalLM

from panda_hf.errors import CheckpointError
from panda_hf.mini.teacher_models import word_tokenizer
from panda_hf.models.student import PandaStudentConfig, PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.models.student.convert_student import convert, convert_student_state, new
from tests.models.student_sizes import frames_of, tiny_config, tiny_model

TRAINED = ("video_", "llama_proj", "text_")


def key_list(shared: Path) -> dict[str, tuple[torch.Tensor, str]]:
    """Every tensor of the official student on the meta device, and whether it is trained."""
    lines = (shared / "reference" / "student_keys.txt").read_text().splitlines()
    found = {}
    for line in lines:
        if line.startswith("#"):
            continue
        name, shape, _, kind, trained = line.split("\t")
        sizes = [int(size) for size in shape.strip("()").split(",") if size.strip()]
        found[name] = torch.empty(sizes, device="meta"), "buffer" if kind == "buffer" else trained
    return found


def true_size() -> PandaStudentConfig:
    return PandaStudentConfig(text_config={"model_type": "llama", "vocab_size": 32001})


def test_the_official_names_convert_with_nothing_missing_and_nothing_left_over(shared):
    keys = key_list(shared)
    converted = convert_student_state({name: tensor for name, (tensor, _) in keys.items()}, true_size())
    with torch.device("meta"):
        needed = PandaStudentForConditionalGeneration(true_size()).state_dict()
    assert converted.keys() == needed.keys()
    assert all(converted[name].shape == tensor.shape for name, tensor in needed.items())
    parameters = sum(kind != "buffer" for _, kind in keys.values())
    blocks = sum(name.endswith("attn.q_bias") for name in keys)
    assert len(converted) == parameters - blocks  # two biases become one


def test_a_student_of_the_papers_size_has_the_papers_parameters(shared):
    """Facts E.1; the trained ones also as the key list adds them up."""
    with torch.device("meta"):
        model = PandaStudentForConditionalGeneration(true_size())
    model.freeze()
    counts = {name: module.numel() for name, module in model.named_parameters() if module.requires_grad}

    def of(*parts: str) -> int:
        return sum(count for name, count in counts.items() if name.split(".")[0] in parts)

    assert sum(counts.values()) == 341_827_584
    assert sum(tensor.numel() for tensor, kind in key_list(shared).values() if kind == "True") == 341_827_584
    assert of("video_query_tokens") == of("frame_position_embedding") == 24_576
    assert of("projection") == 768 * 4096 + 4096
    assert round(of("video_qformer") / 1e6, 1) == 18.9
    assert of("text_position_embedding") == 200 * 4096
    assert round(of("text_qformer") / 1e6, 1) == 318.9
    assert (model.config.num_video_tokens, model.config.text_width) == (32, 4096)


# --- toy sizes, real files ----------------------------------------------------------------------------------------


def official_names(model: PandaStudentForConditionalGeneration) -> dict[str, torch.Tensor]:
    """What was trained, under the official names, written down independently of the converter."""
    out = {}
    for name, tensor in model.state_dict().items():
        rooms = {"video_qformer": "video_Qformer", "text_qformer": "text_Qformer"}
        room, _, rest = name.partition(".")
        if room in rooms:
            rest = rest.replace("attention.attention.", "attention.self.")
            rest = "embeddings.LayerNorm." + rest.removeprefix("layernorm.") if rest.startswith("layernorm") else rest
            out[f"{rooms[room]}.bert.{rest}"] = tensor
    plain = {
        "video_query_tokens": "video_query_tokens",
        "frame_position_embedding.weight": "video_frame_position_embedding.weight",
        "text_position_embedding.weight": "text_prompt_position_embedding.weight",
        "projection.weight": "llama_proj.weight",
        "projection.bias": "llama_proj.bias",
    }
    state = model.state_dict()
    return out | {theirs: state[name] for name, theirs in plain.items()}


@pytest.fixture
def parts(tmp_path) -> tuple[PandaStudentForConditionalGeneration, Path, Path]:
    """A student, and its frozen parts as a BLIP-2 folder and a language model's."""
    model = tiny_model()
    blip2, words = tmp_path / "blip2", tmp_path / "words"
    config = model.config
    Blip2Config(
        vision_config=config.vision_config.to_dict(),
        qformer_config=config.qformer_config.to_dict(),
        num_query_tokens=config.num_query_tokens,
    ).save_pretrained(blip2)
    ours = ("vision_model", "qformer", "query_tokens")
    eyes = {name: tensor.clone() for name, tensor in model.state_dict().items() if name.startswith(ours)}
    save_file(eyes | {"language_projection.bias": torch.zeros(3)}, blip2 / "model.safetensors", {"format": "pt"})
    language: LlamaForCausalLM = model.language_model
    language.generation_config.temperature, language.generation_config.do_sample = 0.6, True  # as chat models have
    language.save_pretrained(words)
    word_tokenizer(start=True).save_pretrained(words)
    return model, blip2, words


def test_an_official_file_and_its_frozen_parts_become_one_folder(parts, tmp_path):
    model, blip2, words = parts
    extra = {"optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}, "scaler": {"scale": 1.0}, "epoch": 4}
    official = official_names(model) | {"text_Qformer.bert.embeddings.position_ids": torch.arange(5)[None]}
    torch.save({"model": official, "config": {"arch": "x"}, **extra}, tmp_path / "checkpoint_best.pth")
    convert(tmp_path / "checkpoint_best.pth", str(blip2), str(words), tmp_path / "out", heads=4)
    student = PandaStudentForConditionalGeneration.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    processor = PandaStudentProcessor.from_pretrained(tmp_path / "out")
    assert student.config.text_qformer_config.num_attention_heads == 4 and not student.generation_config.do_sample
    inputs = processor(videos=frames_of(2), metadata=[("a red ball", None), None])
    assert inputs["prompt_mask"].any(dim=1).all()  # it is always asked something
    half = model.language_model.half().float()  # the converter keeps the words so
    assert half is model.language_model
    torch.testing.assert_close(student(**inputs).logits, model(**inputs).logits, atol=2e-2, rtol=0)
    seen = student.get_video_features(inputs["pixel_values"])
    torch.testing.assert_close(seen, model.get_video_features(inputs["pixel_values"]))


def test_missing_and_left_over_tensors_are_named(parts):
    model, _, _ = parts
    frozen = {k: v for k, v in model.state_dict().items() if not k.startswith(("video_", "frame", "text_", "proj"))}
    official = official_names(model)
    assert convert_student_state(official, model.config, frozen).keys() == model.state_dict().keys()
    less = {k: v for k, v in official.items() if k != "text_prompt_position_embedding.weight"}
    with pytest.raises(CheckpointError, match=r"1 missing: \['text_position_embedding.weight \(60, 48\)'\]"):
        convert_student_state(less, model.config, frozen)
    with pytest.raises(CheckpointError, match=r"1 left over: \['audio_proj.weight'\]"):
        convert_student_state({**official, "audio_proj.weight": torch.zeros(1)}, model.config, frozen)


def test_a_video_llama_file_is_no_student(parts, tmp_path):
    model, blip2, words = parts
    torch.save({k: v for k, v in official_names(model).items() if not k.startswith("text")}, tmp_path / "video.pth")
    with pytest.raises(CheckpointError, match="it is no student"):
        convert(tmp_path / "video.pth", str(blip2), str(words), tmp_path / "out")


def test_a_new_student_keeps_eyes_and_words_and_draws_the_rest_by_its_seed(parts, tmp_path):
    model, blip2, words = parts
    for seed in (3, 3, 4):
        new(str(blip2), str(words), tmp_path / f"new{seed}", seed=seed, num_video_tokens=5, max_prompt_tokens=60)
    student = PandaStudentForConditionalGeneration.from_pretrained(tmp_path / "new3")
    other = PandaStudentForConditionalGeneration.from_pretrained(tmp_path / "new4")
    again, drawn = model.state_dict(), []
    for name, tensor in student.state_dict().items():
        if name.startswith(("vision_model", "qformer", "query_tokens", "language_model")):
            torch.testing.assert_close(tensor, again[name])
        else:
            drawn.append(not torch.equal(tensor, other.state_dict()[name]))
            assert tensor.isfinite().all()
    assert sum(drawn) > 20 and 0.01 < student.projection.weight.std() < 0.04
    assert student.generation_config.do_sample is False
    processor = PandaStudentProcessor.from_pretrained(tmp_path / "new3")
    assert (processor.image_size, processor.max_prompt_tokens, student.config.num_video_tokens) == (28, 60, 5)
    assert student.generate(**processor(videos=frames_of(1)), max_new_tokens=3).shape[0] == 1


def test_settings_survive_a_round_trip():
    config = tiny_config(prompt_positions="batch")
    again = PandaStudentConfig.from_dict(config.to_dict())
    assert again.to_dict() == config.to_dict() and again.video_qformer_config.cross_attention_frequency == 1
