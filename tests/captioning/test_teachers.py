from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from panda_hf.captioning import Caption
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


# --- checkpoints that are broken, of another kind, or not there ---------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "family"), [("cut short", "blip2"), ("", "git"), ("", "florence2"), ("no tokenizer", "blip2")]
)
def test_a_checkpoint_that_cannot_work_is_named_whatever_its_reader_raises(broken, family, tmp_path):
    folder = tiny.blip2_without_encoder(tmp_path / "opt") if family == "blip2" else tiny.llava(tmp_path / "llava")
    if broken == "cut short":
        whole = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    elif broken == "no tokenizer":
        (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=f"mine.*{folder.name}.*cannot be loaded: "):
        base.load_teacher(TeacherCard("mine", family, str(folder), ("image",)), "cpu")


def test_what_a_loader_stumbles_over_after_loading_is_a_matter_of_the_checkpoint(tmp_path, monkeypatch):
    from panda_hf.captioning.teachers import blip2

    folder = tiny.blip2_without_encoder(tmp_path / "opt")
    monkeypatch.setattr(blip2, "load_whole", lambda *_: (object(), object()))  # no tokenizer: AttributeError
    with pytest.raises(CheckpointError, match="cannot be run as family 'blip2'.*AttributeError"):
        base.load_teacher(TeacherCard("mine", "blip2", str(folder), ("image",)), "cpu")


def only_bin(folder):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    return folder


def test_weights_that_can_hold_code_are_not_read_and_it_is_said_what_to_do(tmp_path):
    card = TeacherCard("mine", "blip2", str(only_bin(tiny.blip2_without_encoder(tmp_path / "opt"))), ("image",))
    with pytest.raises(CheckpointError, match=r"Only weights in safetensors.*save_pretrained"):
        base.load_teacher(card, "cpu")
    with pytest.raises(CheckpointError, match=r"mine.*Only weights in safetensors.*save_pretrained"):
        base.check_found(card)


@pytest.mark.parametrize("trusted", [False, True])
def test_code_of_a_repository_runs_only_where_it_is_trusted(trusted, tmp_path):
    """The code would leave a file behind; whether it also makes a model does not matter here."""
    folder, trace = tiny.blip2_without_encoder(tmp_path / "opt"), tmp_path / "ran"
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "of_its_own", "auto_map": {"AutoConfig": "own.OwnConfig"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(
        f"import pathlib\nfrom transformers import PreTrainedConfig\npathlib.Path({str(trace)!r}).touch()\n\n\n"
        "class OwnConfig(PreTrainedConfig):\n    model_type = 'of_its_own'\n"
    )
    card = TeacherCard("mine", "image_text_to_text", str(folder), ("image",))
    with pytest.raises(CheckpointError) as refused:
        base.load_teacher(card, "cpu", Loading(trust_remote_code=trusted))
    assert trace.exists() == trusted
    assert ("Loading(trust_remote_code=True)" in str(refused.value)) == (not trusted)


def test_a_folder_that_is_not_there_is_not_taken_for_the_hub_in_silence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="no folder of that name here"):
        base.load_teacher(TeacherCard("mine", "blip2", "models/blip2", ("image",)), "cpu")


@pytest.mark.parametrize("kind", ["nowhere", "no config", "no weights", "miniature", "part"])
def test_what_a_teacher_lacks_is_found_without_loading_it(kind, tmp_path):
    folder = tiny.blip2_without_encoder(tmp_path / "whole")
    empty = tmp_path / "empty"
    empty.mkdir()
    if kind == "no weights":
        (empty / "config.json").write_text("{}")
    where = {"nowhere": str(tmp_path / "nowhere"), "miniature": "mini/nowhere", "part": str(folder)}.get(
        kind, str(empty)
    )
    parts = (("frames", str(empty)),) if kind == "part" else ()
    with pytest.raises(CheckpointError, match=f"mine.*{'nowhere' if 'nowhere' in where else 'empty'}"):
        base.check_found(TeacherCard("mine", "blip2", where, ("image",), parts=parts))
    base.check_found(TeacherCard("mine", "blip2", str(folder), ("image",)))
    base.check_found(TeacherCard("mine", "blip2", "me/on-the-hub", ("image",)))


@pytest.mark.parametrize("family", ["nope", "base", "chat", "generating"])
def test_a_family_that_is_none_is_refused_at_once(family):
    with pytest.raises(ValueError, match=f"family='{family}' is none of .*blip2"):
        Caption(teacher="mine", family=family, checkpoint="a/b")


@pytest.mark.parametrize("sees", [(), ("vision",), ("image", "sound")])
def test_a_teacher_is_shown_something_that_there_is(sees):
    with pytest.raises(ValueError, match="expected one or more of .*image"):
        Caption(teacher="mine", family="image_text_to_text", checkpoint="a/b", sees=sees)
