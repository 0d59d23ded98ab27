"""Retrieval in two steps against a slow reading, pair by pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.errors import CheckpointError, SourceError
from panda_hf.evaluation.embedding import frame_packs
from panda_hf.evaluation.references import load_benchmark, references_of
from panda_hf.evaluation.results import Benchmark
from panda_hf.evaluation.retrieval import Matrix, evaluate_retrieval, queries_of
from panda_hf.evaluation.retrieval_rerank import load_reranker, two_steps
from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTProcessor
from tests.models.umt_sizes import tiny_config, tiny_model, tiny_processor

ON = Benchmark(name="films", config=None, split="test", videos=1, references=1)
NEAREST = 3


@pytest.fixture(scope="module")
def umt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    torch.manual_seed(1)
    model = UMTForVideoTextRetrieval(tiny_config(initializer_range=0.5, fusion_layers=2))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.4)
    model.save_pretrained(folder)
    tiny_processor(num_frames=2).save_pretrained(folder)
    return folder


@torch.no_grad()
def _slowly(folder: Path, rows, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and head logit of every pair, each through a forward of its own, (texts, videos)."""
    model = UMTForVideoTextRetrieval.from_pretrained(folder).eval()
    processor = UMTProcessor.from_pretrained(folder)
    cosine, head = [], []
    for _, frames in frame_packs(rows, 12):
        for text in texts:
            inputs = processor(videos=[frames], text=[text])
            out = model(**inputs)
            frame_cosines = out.video_embeds[0] @ out.text_embeds[0]
            cosine.append(float(frame_cosines.mean()))
            tokens, _ = model.umt.encode_video(inputs["pixel_values"])
            hidden = model.umt.encode_text(inputs["input_ids"], inputs["attention_mask"])
            head.append(float(model.itm_head(model.fuse(hidden, inputs["attention_mask"], tokens)[:, 0])[0, 1]))
    return tuple(np.array(values).reshape(-1, len(texts)).T for values in (cosine, head))


def _rank(cosine: np.ndarray, head: np.ndarray, truths: set[int]) -> float:
    """Place of the best truth among candidates: the nearest by head, the rest share the places behind (mean place)."""
    order = sorted(range(len(cosine)), key=lambda i: -cosine[i])
    near = sorted(order[:NEAREST], key=lambda i: -head[i])
    for place, candidate in enumerate(near, 1):
        if candidate in truths:
            return place - sum(other in truths for other in near[: place - 1])
    others = [candidate for candidate in order[NEAREST:] if candidate not in truths]
    return NEAREST + 1 + len(others) / 2


def test_the_two_steps_are_a_slow_readings(umt: Path, benchmark: Path) -> None:
    rows = load_benchmark(benchmark)
    references = {name: texts[:2] for name, texts in references_of(rows).items()}
    queries = queries_of(references)
    first, second = two_steps(load_reranker(str(umt)), rows, queries.texts, NEAREST, name="m", batch_size=5)
    cosine, head = _slowly(umt, rows, list(queries.texts))
    np.testing.assert_allclose(first.similarity, cosine, atol=1e-5)
    assert len(rows) > NEAREST
    for direction, scores, axis in (("t2v", second.similarity, 1), ("v2t", second.backward, 0)):
        assert ((scores > scores.min()).sum(axis=axis) == NEAREST).all(), direction
    report = evaluate_retrieval(queries, ON, [first, second])
    found = report.evaluations[1].scores
    t2v = np.array([_rank(cosine[t], head[t], {int(queries.owners[t])}) for t in range(len(queries.texts))])
    v2t = np.array(
        [_rank(cosine[:, v], head[:, v], set(np.flatnonzero(queries.owners == v))) for v in range(len(rows))]
    )
    for direction, ranks in (("t2v", t2v), ("v2t", v2t)):
        assert found[f"{direction}_mean_rank"].value == pytest.approx(ranks.mean()), direction
        assert found[f"{direction}_median_rank"].value == pytest.approx(np.median(ranks)), direction
        for k in (1, 5, 10):
            assert found[f"{direction}_R@{k}"].value == pytest.approx((ranks < k + 1).mean()), (direction, k)
    assert report.evaluations[1].model == "m, re-ranked"


def test_re_ranking_everything_orders_by_the_head_alone(umt: Path, benchmark: Path) -> None:
    rows = load_benchmark(benchmark)
    queries = queries_of(references_of(rows), "first")
    _, head = _slowly(umt, rows, list(queries.texts))
    second = two_steps(load_reranker(str(umt)), rows, queries.texts, 1000, name="m")[1]
    np.testing.assert_allclose(second.similarity, head, atol=1e-5)
    np.testing.assert_allclose(second.backward, head, atol=1e-5)


def test_each_direction_has_its_own_matrix() -> None:
    references = {"a": ("x",), "b": ("y",)}
    right, wrong = np.eye(2), 1 - np.eye(2)
    report = evaluate_retrieval(queries_of(references), ON, [Matrix(name="m", similarity=right, backward=wrong)])
    scores = report.evaluations[0].scores
    assert (scores["t2v_R@1"].value, scores["v2t_R@1"].value) == (1.0, 0.0)


def test_models_that_cannot_re_rank_are_refused_before_any_work(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no matching head"):
        load_reranker(str(clip))
    with pytest.raises(CheckpointError, match="without matching head"):
        tiny_model().save_pretrained(tmp_path)
        load_reranker(str(tmp_path))


def test_the_command_prints_both_steps(umt: Path, benchmark: Path, tmp_path: Path) -> None:
    arguments = ["-d", benchmark, "--model", f"tiny={umt}", "--rerank", "2", "--texts", "first", "--out", tmp_path]
    result = CliRunner().invoke(app, ["evaluate", "retrieval", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert "tiny, re-ranked" in result.stdout and (tmp_path / "results.json").exists()
