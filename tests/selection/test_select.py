"""The Select stage on a tiny selector with random weights."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Value
from datasets.fingerprint import Hasher
from safetensors.torch import load_file, save_file

from panda_hf import schema
from panda_hf.errors import CheckpointError, MissingColumnError
from panda_hf.models.umt.processing_umt import clean_text
from panda_hf.selection import Select
from panda_hf.stage import apply
from tests.models.umt_sizes import tiny_model, tiny_processor

TEACHERS = ("one", "two", "three")
CAPTIONS = (
    ("a red ball rolls to the left", "A blue square spins.", "the green box"),
    ("the box", None, "a ball spins"),
    ("a red square", "a red square", "  "),
)


@pytest.fixture(scope="module")
def selector(tmp_path_factory):
    folder = tmp_path_factory.mktemp("selector")
    tiny_model().save_pretrained(folder)
    tiny_processor(num_frames=3).save_pretrained(folder)
    return str(folder)


def _frames(seed: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


def _pack(frames: np.ndarray) -> dict:
    return {"data": frames.tobytes(), "shape": list(frames.shape), "times": list(np.arange(len(frames)) / 2)}


def _dataset(captions=CAPTIONS) -> Dataset:
    columns = {schema.caption_column(teacher): Value("string") for teacher in TEACHERS}
    rows = [{"frames": _pack(_frames(i)), **dict(zip(columns, row, strict=True))} for i, row in enumerate(captions)]
    return Dataset.from_list(rows, features=Features({**schema.FRAMES_COLUMNS, **columns}))


def _cosine(frames: np.ndarray, caption: str) -> float:
    """The matching score, from the towers' own layers and NumPy."""
    model, processor = tiny_model(), tiny_processor()
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    picked = frames[[0, 2, 3]]  # middles of three equal intervals of four frames: 0.67, 2.0, 3.33
    pixels = torch.tensor(((picked / 255 - mean) / std).transpose(0, 3, 1, 2), dtype=torch.float32)[None]
    ids = [2, *processor.tokenizer.convert_tokens_to_ids(clean_text(caption).split()), 3]
    with torch.no_grad():
        tokens = model.vision_model(pixel_values=pixels).last_hidden_state[0].reshape(3, 4, -1).mean(dim=1)
        video = model.vision_proj(model.pool_norm(tokens)).numpy()
        hidden = model.text_model(input_ids=torch.tensor([ids])).last_hidden_state[0, 0]
        text = model.text_proj(hidden).numpy()
    return float(np.mean([v @ text / np.linalg.norm(v) / np.linalg.norm(text) for v in video]))


def test_the_caption_with_the_highest_mean_cosine_is_selected(selector):
    row = apply(_dataset(), Select(teachers=TEACHERS, selector=selector))[0]
    expected = [_cosine(_frames(0), caption) for caption in CAPTIONS[0]]
    assert [c["teacher"] for c in row["candidates"]] == list(TEACHERS)
    assert [c["caption"] for c in row["candidates"]] == list(CAPTIONS[0])
    np.testing.assert_allclose([c["score"] for c in row["candidates"]], expected, atol=1e-5)
    best = int(np.argmax(expected))
    assert (row["caption"], row["caption_teacher"]) == (CAPTIONS[0][best], TEACHERS[best])
    assert row["matching_score"] == pytest.approx(max(expected), abs=1e-5)


def test_an_absent_or_blank_candidate_is_kept_without_a_score(selector):
    out = apply(_dataset(), Select(teachers=TEACHERS, selector=selector))
    assert out["error"][:] == [None, None, None]
    assert out[1]["candidates"][1] == {"teacher": "two", "caption": None, "score": None, "head_score": None}
    assert out[1]["caption_teacher"] in {"one", "three"}
    assert out[2]["candidates"][2] == {"teacher": "three", "caption": "  ", "score": None, "head_score": None}


def test_of_two_equal_captions_the_first_teacher_is_named(selector):
    assert apply(_dataset(), Select(teachers=TEACHERS, selector=selector))[2]["caption_teacher"] == "one"
    assert apply(_dataset(), Select(teachers=TEACHERS[::-1], selector=selector))[2]["caption_teacher"] == "two"


def test_a_clip_without_any_caption_becomes_an_error_row(selector):
    out = apply(_dataset([CAPTIONS[0], (None, "", None)]), Select(teachers=TEACHERS, selector=selector))
    assert out[0]["error"] is None and out[0]["caption"] is not None
    assert out[1]["error"]["stage"] == "Select" and "one" in out[1]["error"]["message"]
    assert out[1]["caption"] is None and out[1]["candidates"] is None


def test_unreadable_frames_fail_their_own_row_only(selector):
    rows = _dataset().to_list()
    rows[1]["frames"]["data"] = b"short"
    out = apply(Dataset.from_list(rows, features=_dataset().features), Select(teachers=TEACHERS, selector=selector))
    assert [error is None for error in out["error"]] == [True, False, True]


def test_rows_do_not_depend_on_their_batch(selector):
    stage = Select(teachers=TEACHERS, selector=selector)
    assert list(apply(_dataset(), stage, batch_size=3)) == list(apply(_dataset(), stage, batch_size=1))


def test_a_teacher_that_never_ran_is_named_before_any_work():
    stage = Select(teachers=(*TEACHERS, "four"), selector="does/not/matter")
    with pytest.raises(MissingColumnError, match="caption_four"):
        apply(_dataset(), stage)


@pytest.mark.parametrize("teachers", [(), ("one", "one")])
def test_teachers_must_be_different_names(teachers):
    with pytest.raises(ValueError, match="different names"):
        Select(teachers=teachers)


def test_the_stage_is_its_settings(selector):
    stage = Select(teachers=TEACHERS, selector=selector)
    before = Hasher.hash(stage)
    apply(_dataset(), stage)
    assert Hasher.hash(pickle.loads(pickle.dumps(stage))) == before == Hasher.hash(stage)
    assert Hasher.hash(Select(teachers=TEACHERS, selector=selector, num_frames=2)) != before
    assert hash(stage) == hash(Select(teachers=list(TEACHERS), selector=selector))


def test_the_number_of_frames_can_be_chosen(selector):
    scores = [
        apply(_dataset(), Select(teachers=TEACHERS, selector=selector, num_frames=n))[0]["matching_score"]
        for n in (None, 3, 1)
    ]
    assert scores[0] == scores[1] != scores[2]


def test_a_selector_with_missing_weights_is_refused(selector, tmp_path):
    tiny_model().save_pretrained(tmp_path)
    tiny_processor().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["text_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"text_proj\.weight"):
        apply(_dataset(), Select(teachers=TEACHERS, selector=str(tmp_path)))


def test_a_missing_selector_is_a_checkpoint_error(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        apply(_dataset(), Select(teachers=TEACHERS, selector=str(tmp_path / "nowhere")))
