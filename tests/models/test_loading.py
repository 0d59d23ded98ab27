from __future__ import annotations

import dataclasses
import pickle

import pytest
import torch
from transformers import BitsAndBytesConfig, FineGrainedFP8Config

from panda_hf.captioning.registry import TeacherCard
from panda_hf.captioning.teachers.base import load_teacher, load_whole
from panda_hf.errors import CheckpointError
from panda_hf.models.loading import Loading
from panda_hf.models.release import release_models
from tests.captioning import tiny


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> TeacherCard:
    folder = tiny.blip2_without_encoder(tmp_path_factory.mktemp("opt") / "opt")
    return TeacherCard("mine", "blip2", str(folder), ("image",))


def test_the_format_of_a_cpu_is_float32_unless_another_is_asked_for():
    assert Loading().arguments("cpu")["dtype"] is torch.float32
    assert Loading(dtype="float16").arguments("cpu")["dtype"] is torch.float16


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_the_format_of_a_gpu_is_bfloat16_where_its_hardware_has_it(native, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native)
    monkeypatch.setattr(torch.cuda, "device", lambda device: torch.no_grad())
    assert Loading().arguments("cuda:0")["dtype"] is expected


def test_quantisation_is_told_as_pairs_and_places_the_model_on_the_device():
    settings = Loading(quantization=(("load_in_4bit", True), ("bnb_4bit_quant_type", "nf4")), dtype="float16")
    found = settings.arguments("cuda:1")
    assert isinstance(found["quantization_config"], BitsAndBytesConfig)
    assert found["quantization_config"].bnb_4bit_quant_type == "nf4"
    assert found["device_map"] == {"": "cuda:1"}
    other = Loading(quantization=(("quant_method", "fp8"),)).arguments("cpu")
    assert isinstance(other["quantization_config"], FineGrainedFP8Config)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("auto", "auto"),
        ((("vision_model", 0), ("language_model", "cpu")), {"vision_model": 0, "language_model": "cpu"}),
    ],
)
def test_a_model_is_spread_as_asked(given, expected):
    assert Loading(device_map=given, dtype="float16").arguments("cuda:0")["device_map"] == expected


def test_settings_are_hashable_and_travel_to_other_processes():
    settings = Loading(quantization=(("load_in_8bit", True),), device_map="auto")
    assert hash(pickle.loads(pickle.dumps(settings))) == hash(settings)


def test_teachers_that_share_a_checkpoint_share_its_weights(card):
    other = dataclasses.replace(card, name="other", sees=("image", "text"))
    first, second = load_teacher(card, "cpu"), load_teacher(other, "cpu")
    assert first.model is second.model
    half = load_teacher(card, "cpu", Loading(dtype="bfloat16"))
    assert half.model is not first.model and half.model.dtype is torch.bfloat16
    release_models()
    assert load_teacher(card, "cpu").model is not first.model


def test_a_teacher_in_half_precision_and_with_a_device_map_captions_too(card):
    teacher = load_teacher(card, "cpu", Loading(dtype="bfloat16", device_map="cpu"))
    assert len(tiny.texts(teacher.caption([tiny.clip(0), tiny.clip(1)], card.decoding))) == 2


def test_a_library_that_quantises_and_is_not_there_is_named(card):
    from transformers import Blip2ForConditionalGeneration

    with pytest.raises(CheckpointError, match="mine.*(bitsandbytes|accelerate|hqq)"):
        load_whole(
            Blip2ForConditionalGeneration, card, "cpu", Loading(quantization=(("quant_method", "hqq"), ("nbits", 4)))
        )
