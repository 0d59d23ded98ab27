"""The Select stage with the matching head: who decides, what is recorded, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from panda_hf.errors import CheckpointError
from panda_hf.models.umt import UMTForVideoTextRetrieval
from panda_hf.selection import Scored, Select, decide
from panda_hf.selection.scorer import load_scorer
from panda_hf.stage import apply
from tests.models.umt_sizes import tiny_config, tiny_model, tiny_processor
from tests.selection.test_select import CAPTIONS, TEACHERS, _cosine, _dataset, _frames


def whole_model(seed: int = 0) -> UMTForVideoTextRetrieval:
    """A whole UMT whose towers are those of ``tiny_model``."""
    torch.manual_seed(seed)
    model = UMTForVideoTextRetrieval(tiny_config(initializer_range=0.5, fusion_layers=2)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.4)
    model.umt.load_state_dict(tiny_model().state_dict())
    return model


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    whole_model().save_pretrained(folder)
    tiny_processor(num_frames=3).save_pretrained(folder)
    return str(folder)


@torch.no_grad()
def _logit(frames: np.ndarray, caption: str) -> float:
    """The head's logit for one pair alone, through the model's own forward parts."""
    model, processor = whole_model(), tiny_processor(num_frames=3)
    inputs = processor(videos=[frames], text=[caption])
    tokens, _ = model.umt.encode_video(inputs["pixel_values"])
    hidden = model.umt.encode_text(inputs["input_ids"], inputs["attention_mask"])
    return float(model.matching_logits(hidden, inputs["attention_mask"], tokens)[0, 1])


def test_the_head_decides_among_all_candidates(whole):
    row = apply(_dataset(), Select(teachers=TEACHERS, selector=whole, rerank="all"))[0]
    logits = [_logit(_frames(0), caption) for caption in CAPTIONS[0]]
    cosines = [_cosine(_frames(0), caption) for caption in CAPTIONS[0]]
    np.testing.assert_allclose([c["head_score"] for c in row["candidates"]], logits, atol=1e-5)
    np.testing.assert_allclose([c["score"] for c in row["candidates"]], cosines, atol=1e-5)
    best = int(np.argmax(logits))
    assert row["caption_teacher"] == TEACHERS[best]
    assert row["matching_score"] == pytest.approx(cosines[best], abs=1e-5)
    assert row["matching_margin"] == pytest.approx(np.subtract(*sorted(logits)[:-3:-1]), abs=1e-5)
    assert row["head_agrees"] is bool(best == int(np.argmax(cosines)))


def test_of_the_nearest_two_only_those_are_looked_at(whole):
    row = apply(_dataset(), Select(teachers=TEACHERS, selector=whole, rerank=2))[0]
    cosines = [_cosine(_frames(0), caption) for caption in CAPTIONS[0]]
    last = int(np.argmin(cosines))
    assert [c["head_score"] is None for c in row["candidates"]] == [i == last for i in range(3)]
    looked = {i: _logit(_frames(0), CAPTIONS[0][i]) for i in range(3) if i != last}
    assert row["caption_teacher"] == TEACHERS[max(looked, key=looked.__getitem__)]


def test_the_towers_of_a_whole_model_choose_by_similarity_alone(whole):
    row = apply(_dataset(), Select(teachers=TEACHERS, selector=whole))[0]
    cosines = sorted(_cosine(_frames(0), caption) for caption in CAPTIONS[0])
    assert row["matching_margin"] == pytest.approx(cosines[-1] - cosines[-2], abs=1e-5)
    assert row["head_agrees"] is None and {c["head_score"] for c in row["candidates"]} == {None}


def test_the_video_is_encoded_once_for_all_candidates(whole, monkeypatch):
    scorer = load_scorer(whole, None, None, None, head=True)
    calls = []
    encode = scorer.model.encode_video
    monkeypatch.setattr(scorer.model, "encode_video", lambda pixels: calls.append(len(pixels)) or encode(pixels))
    scorer.with_head(_frames(0), list(CAPTIONS[0]))
    assert calls == [1]


def test_decisions_by_hand():
    assert decide(Scored([None, None], [None, None])) is None
    alone = decide(Scored([0.2, 0.5], [None, None]))
    assert (alone.choice.index, alone.choice.score, alone.head_agrees) == (1, 0.5, None)
    both = decide(Scored([0.2, 0.5, 0.4], [None, -1.0, 2.0]))
    assert (both.choice.index, both.choice.margin, both.head_agrees) == (2, 3.0, False)
    assert decide(Scored([0.2, 0.5], [1.0, 3.0])).head_agrees is True


def test_below_the_threshold_a_clip_is_set_aside_and_keeps_its_candidates(whole):
    scores = apply(_dataset(), Select(teachers=TEACHERS, selector=whole))["matching_score"][:]
    between = float(np.sort(scores)[1])
    rows = _dataset().add_column("filtered", ["dark", None, None])
    out = apply(rows, Select(teachers=TEACHERS, selector=whole, min_score=between))
    for i in range(3):
        low = scores[i] < between
        expected = "dark" if i == 0 else f"all captions bad: the best matching score is below {between:g}"
        assert out[i]["filtered"] == (expected if low or i == 0 else None)
    assert all(out["caption"][:]) and sum(score < between for score in scores) == 1
    without = apply(_dataset(), Select(teachers=TEACHERS, selector=whole, min_score=2.0))
    assert all("all captions bad" in reason for reason in without["filtered"])
    assert "filtered" not in apply(_dataset(), Select(teachers=TEACHERS, selector=whole)).column_names


def test_re_ranking_without_a_head_is_refused_before_any_work(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    stage = Select(teachers=TEACHERS, selector=str(tmp_path), rerank="all")
    with pytest.raises(CheckpointError, match="UMTModel without matching head"):
        apply(_dataset().to_iterable_dataset(), stage)  # lazy: nothing has run when this raises
    with pytest.raises(CheckpointError, match="without matching head"):
        stage.provenance()


def test_a_head_with_missing_weights_is_refused(tmp_path):
    whole_model().save_pretrained(tmp_path)
    tiny_processor().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["fusion.layer.1.crossattention.self.key.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"fusion\.layer\.1\.crossattention"):
        apply(_dataset(), Select(teachers=TEACHERS, selector=str(tmp_path), rerank="all"))
    # The towers are whole: similarity needs no more.
    assert apply(_dataset(), Select(teachers=TEACHERS, selector=str(tmp_path)))["error"][:] == [None] * 3


@pytest.mark.parametrize("wrong", [{"rerank": 0}, {"rerank": True}, {"rerank": "some"}, {"min_score": float("nan")}])
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Select(teachers=TEACHERS, **wrong)
