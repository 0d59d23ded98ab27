"""Retrieval recall against published implementations' stored output, and small matrices ranked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("evaluate")
from panda_hf.metrics.retrieval_recall.retrieval_recall import retrieval_recall  # noqa: E402

METRIC = Path(__file__).parents[2] / "panda_hf/metrics/retrieval_recall"


@pytest.fixture(scope="module")
def stored(shared: Path):
    folder = shared / "data/retrieval"
    return np.load(folder / "similarity_matrices.npz"), json.loads((folder / "expected.json").read_text())


def close_to(found: dict, direction: str, expected: dict, scale: float = 100) -> None:
    for k in (1, 5, 10):
        assert scale * found[f"{direction}_R@{k}"] == pytest.approx(expected[f"R{k}"], abs=1e-5)
    median = expected.get("MedR", expected.get("MR"))
    assert found[f"{direction}_median_rank"] == pytest.approx(median)
    if "MeanR" in expected:
        assert found[f"{direction}_mean_rank"] == pytest.approx(expected["MeanR"])


@pytest.mark.shared
def test_one_text_per_video_equals_three_published_implementations(stored) -> None:
    matrices, expected = stored
    truth = expected["rand1000"]["expected"]
    found = retrieval_recall(matrices["rand1000"])
    close_to(found, "t2v", truth["clip4clip.compute_metrics.t2v"])
    close_to(found, "v2t", truth["clip4clip.compute_metrics.v2t"])
    close_to(found, "t2v", truth["howto100m.compute_metrics.t2v"], scale=1)


@pytest.mark.shared
def test_ties_follow_the_rule_that_is_named(stored) -> None:
    matrices, expected = stored
    truth = expected["ties50"]["expected"]
    close_to(
        retrieval_recall(matrices["ties50"], ties="optimistic"),
        "t2v",
        truth["frozen_in_time.t2v_metrics(optimistic ties)"],
    )
    close_to(
        retrieval_recall(matrices["ties50"], ties="average"),
        "v2t",
        truth["frozen_in_time.v2t_metrics(averaged ties)"],
    )


@pytest.mark.shared
def test_several_texts_under_a_mask_equal_frozen_in_time(stored) -> None:
    matrices, expected = stored
    truth = expected["masked100x5"]["expected"]
    mask = matrices["masked100x5__query_masks"].ravel()
    found = retrieval_recall(matrices["masked100x5"], np.repeat(np.arange(100), 5), mask=mask)
    close_to(found, "t2v", truth["frozen_in_time.t2v_metrics(query_masks)"])
    close_to(found, "v2t", truth["frozen_in_time.v2t_metrics(query_masks)"])


@pytest.mark.shared
def test_several_texts_in_the_protocol_of_clip4clip_equal_its_output(stored) -> None:
    matrices, expected = stored
    truth = expected["multi40"]["expected"]
    found = retrieval_recall(matrices["multi40"], matrices["multi40__owner"], video_to_text="videos")
    close_to(found, "t2v", truth["clip4clip.tensor_text_to_video_metrics"])
    close_to(found, "v2t", truth["clip4clip.compute_metrics(tensor_video_to_text_sim) v2t"])


def test_ranks_of_a_small_matrix_are_those_counted_by_hand() -> None:
    found = retrieval_recall([[0.9, 0.1, 0.2], [0.8, 0.5, 0.1], [0.3, 0.4, 0.2]])
    assert found["t2v_R@1"] == pytest.approx(1 / 3)
    assert found["t2v_mean_rank"] == pytest.approx((1 + 2 + 3) / 3)
    assert (found["v2t_R@1"], found["v2t_R@1_pessimistic"]) == (1.0, pytest.approx(2 / 3))
    assert found["v2t_mean_rank"] == pytest.approx((1 + 1 + 1.5) / 3)
    assert found["v2t_tied_queries"] == 1 and found["t2v_tied_queries"] == 0


def test_a_collapsed_model_gets_everything_only_under_the_optimistic_rule() -> None:
    same = np.ones((4, 4))
    recalls = {ties: retrieval_recall(same, ties=ties)["t2v_R@1"] for ties in ("optimistic", "average", "pessimistic")}
    assert recalls == {"optimistic": 1.0, "average": 0.0, "pessimistic": 0.0}
    found = retrieval_recall(same)
    assert (found["t2v_mean_rank"], found["t2v_R@1_optimistic"]) == (2.5, 1.0)


def test_the_two_video_to_text_protocols_count_other_captions_differently() -> None:
    similarity = np.array([[0.5, 0.1], [0.1, 0.6], [0.8, 0.7], [0.7, 0.8]])
    owner = [0, 0, 1, 1]
    assert retrieval_recall(similarity, owner)["v2t_mean_rank"] == (3 + 1) / 2
    assert retrieval_recall(similarity, owner, video_to_text="videos")["v2t_mean_rank"] == (2 + 1) / 2


def test_blocks_and_embeddings_give_the_same_as_one_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    texts, videos = generator.normal(size=(60, 8)), generator.normal(size=(20, 8))
    owner = np.repeat(np.arange(20), 3)
    cosine = texts @ videos.T / np.outer(np.linalg.norm(texts, axis=1), np.linalg.norm(videos, axis=1))
    whole = retrieval_recall(cosine, owner, dual_softmax=20.0)
    monkeypatch.setitem(retrieval_recall.__globals__, "_BLOCK_NUMBERS", 140)
    assert retrieval_recall(text_embeddings=texts, video_embeddings=videos, owners=owner, dual_softmax=20.0) == whole


def test_dual_softmax_multiplies_by_a_softmax_over_the_texts() -> None:
    similarity = np.random.default_rng(1).normal(size=(6, 6))
    prior = np.exp(5 * similarity) / np.exp(5 * similarity).sum(axis=0)
    expected = retrieval_recall(similarity * prior)
    found = retrieval_recall(similarity, dual_softmax=5.0)
    assert [found[f"t2v_{name}"] for name in ("R@1", "mean_rank")] == [expected["t2v_R@1"], expected["t2v_mean_rank"]]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (([[1.0, float("nan")]], [0]), "text 0"),
        (([[1.0, 0.5]],), "1 texts for 2 videos"),
        (([[1.0, 0.5]], [2]), "text 0 belongs to video 2"),
        ((), "give either"),
    ],
)
def test_wrong_inputs_are_named(arguments, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        retrieval_recall(*arguments)


def test_it_loads_as_an_evaluate_module() -> None:
    import evaluate

    metric = evaluate.load(str(METRIC))
    assert metric.compute(predictions=[[1.0, 0.0], [0.0, 1.0]], references=[0, 1])["t2v_R@1"] == 1.0
    metric.add_batch(predictions=[[1.0, 0.0], [0.0, 1.0]], references=[1, 0])
    assert metric.compute()["t2v_R@1"] == 0.0


def test_a_text_that_the_mask_leaves_out_may_hold_anything() -> None:
    similarity = np.array([[0.9, 0.1, 0.2], [np.nan, np.inf, 0.0], [0.1, 0.2, 0.7], [0.3, 0.8, 0.1]])
    owners, mask = [0, 1, 2, 1], [True, False, True, True]
    clean = np.where(np.isfinite(similarity), similarity, 0.5)
    assert retrieval_recall(similarity, owners, mask=mask) == retrieval_recall(clean, owners, mask=mask)
    texts = np.eye(4, 3) + 0.1
    texts[1] = np.nan
    found = retrieval_recall(owners=owners, mask=mask, text_embeddings=texts, video_embeddings=np.eye(3))
    texts[1] = [1.0, 2.0, 3.0]
    assert found == retrieval_recall(owners=owners, mask=mask, text_embeddings=texts, video_embeddings=np.eye(3))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dual_softmax": float("nan")}, "positive temperature"),
        ({"dual_softmax": float("inf")}, "positive temperature"),
        ({"dual_softmax": -1.0}, "positive temperature"),
        ({"ks": (0, 1)}, "whole numbers from 1"),
        ({"ks": (2.5,)}, "whole numbers from 1"),
        ({"mask": ["False", "True"]}, "True or False"),
        ({"mask": [2, 1]}, "True or False"),
    ],
)
def test_settings_without_meaning_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        retrieval_recall(np.eye(2), **options)


def test_complex_numbers_are_no_similarities() -> None:
    with pytest.raises(ValueError, match="real numbers"):
        retrieval_recall(np.eye(2) * 1j)
