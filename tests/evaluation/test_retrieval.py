"""Retrieval: what is asked, what is found, intervals over videos, and the models that embed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from panda_hf.errors import CheckpointError, SourceError
from panda_hf.evaluation.embedding import load_encoder, similarities
from panda_hf.evaluation.references import load_benchmark, references_of
from panda_hf.evaluation.results import Benchmark
from panda_hf.evaluation.retrieval import Matrix, evaluate_retrieval, queries_of
from panda_hf.evaluation.similarity_file import read_similarity

pytest.importorskip("evaluate")

ON = Benchmark(name="b", config=None, split="test", videos=3, references=5)
REFERENCES = {"a": ("one", "two"), "b": ("three",), "c": ("four", "five")}
SIMILARITY = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.1, 0.8, 0.3], [0.3, 0.2, 0.1], [0.0, 0.1, 0.7]])
"""Ranks of the texts: 1, 2, 1, 3, 1."""


def test_every_protocol_asks_its_own_texts() -> None:
    assert queries_of(REFERENCES).texts == ("one", "two", "three", "four", "five")
    assert queries_of(REFERENCES).owners.tolist() == [0, 0, 1, 2, 2]
    assert queries_of(REFERENCES, "first").texts == ("one", "three", "four")
    assert queries_of(REFERENCES, "joined").texts == ("one two", "three", "four five")
    assert queries_of(REFERENCES).protocol.startswith("5 texts, 3 videos (every caption asks")
    assert "one text a video" in queries_of({"a": ("x",)}).protocol


def test_recall_and_ranks_by_hand() -> None:
    report = evaluate_retrieval(queries_of(REFERENCES), ON, [Matrix(name="m", similarity=SIMILARITY)])
    scores = report.evaluations[0].scores
    assert scores["t2v_R@1"].value == pytest.approx(3 / 5)
    assert scores["t2v_mean_rank"].value == pytest.approx(8 / 5) and scores["t2v_median_rank"].value == 1.0
    assert scores["v2t_R@1"].value == pytest.approx(2 / 3)  # b's 0.8 is behind the 0.9 of "two"
    assert report.evaluations[0].task == "video-text-retrieval" and report.notes == ()
    (shown,) = report.samples
    assert shown.worst[0].prediction == "four" and shown.worst[0].score == 3.0
    assert shown.worst[0].note == "first was a" and shown.best[0].note is None


def test_intervals_draw_videos_with_all_their_texts() -> None:
    # Both texts of each video are found, or neither: twenty videos, not forty independent queries.
    references = {f"v{i}": ("x", "y") for i in range(20)}
    similarity = np.zeros((40, 20))
    for i in range(20):
        similarity[2 * i : 2 * i + 2, i if i < 10 else i - 10] = 1.0
    report = evaluate_retrieval(queries_of(references), ON, [Matrix(name="m", similarity=similarity)])
    score = report.evaluations[0].scores["t2v_R@1"]
    assert score.value == 0.5 and score.low is not None and score.high is not None
    half_of_twenty = 1.96 * (0.25 / 20) ** 0.5
    assert score.high - score.low == pytest.approx(2 * half_of_twenty, rel=0.15)


@pytest.mark.parametrize("name", ["rand1000", "ties50", "multi40"])
def test_published_functions_agree_on_stored_matrices(shared: Path, name: str) -> None:
    folder = shared / "data" / "retrieval"
    held = np.load(folder / "similarity_matrices.npz")
    expected = json.loads((folder / "expected.json").read_text())[name]["expected"]
    owners = held[f"{name}__owner"] if f"{name}__owner" in held else np.arange(len(held[name]))
    references = {str(video): tuple(f"t{i}" for i in np.flatnonzero(owners == video)) for video in np.unique(owners)}
    assert np.array_equal(queries_of(references).owners, np.sort(owners))
    order = np.argsort(owners, kind="stable")
    report = evaluate_retrieval(
        queries_of(references), ON, [Matrix(name=name, similarity=held[name][order])], ties="optimistic"
    )
    scores = report.evaluations[0].scores
    theirs = next(
        expected[key] for key in expected if "t2v" in key and "optim" in key or "text_to_video_metrics" in key
    )
    for k in (1, 5, 10):
        assert scores[f"t2v_R@{k}"].value * 100 == pytest.approx(theirs[f"R{k}"], abs=1e-4)  # float32 in one of them


def test_ties_are_told() -> None:
    report = evaluate_retrieval(
        queries_of({"a": ("x",), "b": ("y",)}), ON, [Matrix(name="m", similarity=np.ones((2, 2)))]
    )
    assert "2 T2V queries are tied; R@1 is 0.0 under the pessimistic rule and 100.0" in report.notes[0]


def test_a_video_that_a_model_lacks_is_an_error_or_left_out_with_its_texts() -> None:
    some = Matrix(name="m", similarity=SIMILARITY[:, [2, 0]], videos=("c", "a"))
    with pytest.raises(SourceError, match="1 of 3 videos could not be read, such as 'b'"):
        evaluate_retrieval(queries_of(REFERENCES), ON, [some])
    report = evaluate_retrieval(queries_of(REFERENCES), ON, [some], missing="drop")
    assert report.evaluations[0].missing == 1
    # Among a and c: "one" and "two" find a, "five" finds c, "four" finds a.
    assert report.evaluations[0].scores["t2v_R@1"].value == pytest.approx(3 / 4)


def test_a_matrix_of_another_shape_is_an_error_that_says_what_was_expected() -> None:
    with pytest.raises(SourceError, match=r"asks for 5 texts x 3 videos\. Its transpose fits: give --transpose"):
        evaluate_retrieval(queries_of(REFERENCES), ON, [Matrix(name="m", similarity=SIMILARITY.T)])
    broken = SIMILARITY.copy()
    broken[1, 0] = np.nan
    with pytest.raises(SourceError, match="text 1"):
        evaluate_retrieval(queries_of(REFERENCES), ON, [Matrix(name="m", similarity=broken)])


def test_similarities_are_read_from_every_form(tmp_path: Path) -> None:
    matrix = SIMILARITY.astype(np.float32)
    np.save(tmp_path / "s.npy", matrix)
    np.savez(tmp_path / "s.npz", one=matrix, two=matrix + 1)
    save_file({"one": matrix}, tmp_path / "s.safetensors")
    assert np.array_equal(read_similarity(tmp_path / "s.npy"), matrix)
    assert np.array_equal(read_similarity(tmp_path / "s.npz", "two"), matrix + 1)
    assert np.array_equal(read_similarity(tmp_path / "s.safetensors"), matrix)
    with pytest.raises(SourceError, match="say which by --key"):
        read_similarity(tmp_path / "s.npz")
    with pytest.raises(SourceError, match="no array 'three'"):
        read_similarity(tmp_path / "s.npz", "three")


def test_nothing_in_a_similarity_file_is_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    np.save(tmp_path / "trap.npy", np.array([[Trap()]], dtype=object), allow_pickle=True)
    (tmp_path / "not.safetensors").write_bytes(b"x" * 40)
    for name in ("trap.npy", "not.safetensors", "none.npz"):
        with pytest.raises(SourceError, match=name):
            read_similarity(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_the_selector_of_the_miniature_finds_its_videos(benchmark: Path) -> None:
    rows = load_benchmark(benchmark)
    queries = queries_of(references_of(rows), "first")
    matrix, ids = similarities(load_encoder("mini/selector"), rows, queries.texts)
    assert matrix.shape == (len(rows), len(rows)) and tuple(ids) == queries.ids
    assert np.abs(matrix).max() <= 1.0 + 1e-6
    found = evaluate_retrieval(queries, ON, [Matrix(name="m", similarity=matrix, videos=tuple(ids))])
    assert found.evaluations[0].scores["t2v_mean_rank"].value < 2  # chance is (1 + videos) / 2


def test_any_dual_encoder_embeds_as_the_plain_calls_do(benchmark: Path, clip: Path) -> None:
    import torch
    from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

    frames = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), dtype=np.uint8)
    encoder = load_encoder(str(clip))
    ours = encoder.texts(["a red ball"]) @ encoder.video(frames)
    model, processor = CLIPModel.from_pretrained(clip).eval(), AutoImageProcessor.from_pretrained(clip)
    with torch.inference_mode():
        words = AutoTokenizer.from_pretrained(clip)(["a red ball"], return_tensors="pt")
        pixels = processor(images=list(frames), return_tensors="pt")["pixel_values"]
        text, image = (
            getattr(out, "pooler_output", out)
            for out in (
                model.get_text_features(input_ids=words["input_ids"], attention_mask=words["attention_mask"]),
                model.get_image_features(pixel_values=pixels),
            )
        )
        unit = torch.nn.functional.normalize
        expected = unit(text) @ unit(unit(image).mean(dim=0, keepdim=True)).T
    assert ours == pytest.approx(expected.numpy().ravel(), abs=1e-5)
    assert encoder.settings["similarity"].startswith("cosine")


def test_a_model_without_two_towers_is_refused(tmp_path: Path) -> None:
    from panda_hf.models.checkpoints import mini_folder

    with pytest.raises(CheckpointError, match="image"):
        load_encoder(str(mini_folder() / "image"))
    with pytest.raises(CheckpointError, match="no folder or Hub id"):
        load_encoder(str(tmp_path))
