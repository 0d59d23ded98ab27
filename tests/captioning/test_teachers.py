from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from panda_hf.captioning.registry import Decoding, TeacherCard, cards
from panda_hf.captioning.teachers import base
from panda_hf.errors import CheckpointError
from panda_hf.models.loading import Loading
from tests.captioning import tiny

SHORT = Decoding(max_new_tokens=6, num_beams=2)
WORDS = [
    {},
    {"title": "chatter kiki", "subtitle": "red ball red ball red ball"},
    {"title": None, "description": 'a "quoted"\nline', "subtitle": "kiki"},
]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        "blip2": tiny.blip2_without_encoder(folder / "opt"),
        "blip2 with text": tiny.blip2_with_encoder(folder / "t5"),
        "llava": tiny.llava(folder / "llava"),
        "llava_onevision": tiny.llava_onevision(folder / "onevision"),
    }


CARDS = {
    "blip2": ("blip2", ("image",)),
    "blip2 with text": ("blip2", ("image", "text")),
    "llava": ("image_text_to_text", ("video",)),
    "llava with text": ("image_text_to_text", ("image", "text")),
    "llava_onevision": ("image_text_to_text", ("video",)),
    "llava_onevision with text": ("image_text_to_text", ("video", "text")),
}


def teacher_of(kind: str, checkpoints) -> base.Teacher:
    family, sees = CARDS[kind]
    checkpoint = checkpoints.get(kind) or checkpoints[kind.removesuffix(" with text")]
    return base.load_teacher(TeacherCard("mine", family, str(checkpoint), sees), "cpu")


@pytest.mark.parametrize("kind", CARDS)
def test_a_caption_does_not_depend_on_the_rest_of_the_batch(kind, checkpoints):
    teacher = teacher_of(kind, checkpoints)
    clips = [tiny.clip(i, height=40 + 8 * i, **words) for i, words in enumerate(WORDS)]
    together = teacher.caption(clips, SHORT)
    alone = [teacher.caption([clip], SHORT)[0] for clip in clips]
    assert together == alone
    assert len(together) == 3 and any(together)


@pytest.mark.parametrize("kind", ["blip2 with text", "llava with text", "llava_onevision with text"])
def test_what_a_teacher_is_told_reaches_its_model(kind, checkpoints):
    teacher = teacher_of(kind, checkpoints)
    seen = []
    real = teacher.model.generate
    object.__setattr__(
        teacher.model, "generate", lambda **inputs: (seen.append(inputs["input_ids"]), real(**inputs))[1]
    )
    try:
        teacher.caption([tiny.clip(0, subtitle="kiki ball")], SHORT)
    finally:
        del teacher.model.__dict__["generate"]
    assert "ball" in teacher.processor.tokenizer.decode(seen[0][0])


def test_a_teacher_without_text_is_not_told_any(checkpoints):
    teacher = teacher_of("llava", checkpoints)
    plain, told = tiny.clip(0), tiny.clip(0, title="red ball", subtitle="kiki")
    assert teacher.caption([plain], SHORT) == teacher.caption([told], SHORT)


def test_the_image_teacher_sees_one_central_frame_and_always_the_same():
    frames = np.zeros((8, 4, 4, 3), np.uint8) + np.arange(8, dtype=np.uint8)[:, None, None, None]
    numbers = []
    for i in range(200):
        clip = base.ClipInput(f"v.{i}", frames)
        numbers.append(int(base.pick_frame(clip, "t")[0, 0, 0]))
        assert base.pick_frame(clip, "t")[0, 0, 0] == numbers[-1]
    # Of 8 frames at (i + 0.5) / 8 of the clip, those between 0.3 and 0.7 are 2 to 5.
    assert set(numbers) == {2, 3, 4, 5}
    assert min(numbers.count(n) for n in (2, 3, 4, 5)) > 25


def test_two_image_teachers_may_see_different_frames():
    frames = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    clips = [base.ClipInput(f"v.{i}", frames) for i in range(20)]
    picks = [[int(base.pick_frame(clip, name)[0, 0, 0]) for clip in clips] for name in ("a", "b")]
    assert picks[0] != picks[1]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_clips_with_few_frames_have_a_central_one_too(frames):
    assert base.pick_frame(tiny.clip(0, frames=frames), "t").shape == (48, 64, 3)


@pytest.mark.parametrize(("change", "word"), [("drop", "missing"), ("add", "unexpected")])
def test_weights_that_do_not_fill_the_model_are_refused(change, word, tmp_path):
    folder = tiny.blip2_without_encoder(tmp_path / "opt")
    weights = load_file(folder / "model.safetensors")
    if change == "drop":
        del weights[next(name for name in weights if "qformer" in name)]
    else:
        weights["qformer.of_another_model"] = weights["query_tokens"].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=word):
        base.load_teacher(TeacherCard("mine", "blip2", str(folder), ("image",)), "cpu")


def test_weights_without_a_place_are_let_pass_if_the_user_says_so(tmp_path):
    folder = tiny.blip2_without_encoder(tmp_path / "opt")
    weights = load_file(folder / "model.safetensors")
    weights["qformer.of_another_model"] = weights["query_tokens"].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    card = TeacherCard("mine", "blip2", str(folder), ("image",))
    assert base.load_teacher(card, "cpu", Loading(unexpected="ignore")).caption([tiny.clip(0)], SHORT)
    with pytest.raises(CheckpointError, match="unexpected='ignore'"):
        base.load_teacher(card, "cpu")


def test_weights_of_another_shape_are_refused(tmp_path):
    folder = tiny.blip2_without_encoder(tmp_path / "opt")
    config = json.loads((folder / "config.json").read_text())
    config["num_query_tokens"] = 5
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="mine"):
        base.load_teacher(TeacherCard("mine", "blip2", str(folder), ("image",)), "cpu")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        base.load_teacher(TeacherCard("mine", "blip2", str(tmp_path / "nowhere"), ("image",)), "cpu")


def test_every_teacher_has_a_family_with_a_loader_and_a_name_of_its_own():
    for name, card in cards().items():
        assert name == card.name and name.isidentifier()
        assert base.importlib.import_module(f"panda_hf.captioning.teachers.{card.family}").load
    assert {"mini_image", "mini_video", "mini_text"} <= set(cards())
