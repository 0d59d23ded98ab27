"""Scores of captions: small cases by hand, real predictions against what their authors published."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panda_hf.errors import SourceError
from panda_hf.evaluation.prediction_files import read_predictions
from panda_hf.evaluation.predictions import Matched, match
from panda_hf.evaluation.scoring import MetricChoice, Scorer, metric_folder

pytest.importorskip("evaluate")

REFERENCES = {"a": ("a cat sits on a mat", "the cat sat"), "b": ("two dogs run",)}
WORDS = MetricChoice(("bleu", "rouge_l", "cider"))


def scored(predictions: dict[str, str], choice: MetricChoice = WORDS, references: Any = None) -> dict[str, float]:
    references = references or REFERENCES
    scorer = Scorer(list(references.values()), choice)
    return {name: one.value for name, one in scorer.measure(match(predictions, references, "empty")).items()}


def test_a_caption_that_is_a_reference_is_perfect_and_nothing_is_zero() -> None:
    found = scored({"a": "A cat sits, on a mat!", "b": "Two dogs run."})
    assert found["bleu_1"] == pytest.approx(1.0, abs=1e-6) and found["rouge_l"] == pytest.approx(1.0)
    assert scored({"a": "", "b": "…"})["rouge_l"] == 0.0


def test_bleu_is_of_the_corpus_and_not_a_mean() -> None:
    # 2 of 4 words are in the references; 3 + 3 reference words are nearest to 2 + 2: brevity e^(1 - 6/4).
    found = scored({"a": "cat bird", "b": "dogs fish"})
    assert found["bleu_1"] == pytest.approx(2 / 4 * math.exp(1 - 6 / 4), rel=1e-6)


def test_references_are_tokenised_once_for_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("panda_hf.metrics.cider.ptb_tokenizer")
    texts: list[str] = []
    tokenize = module.tokenize
    monkeypatch.setattr(module, "tokenize", lambda given: texts.extend(given) or tokenize(given))
    scorer = Scorer(list(REFERENCES.values()), WORDS)
    for said in ("one", "two"):
        scorer.measure(match({"a": said, "b": said}, REFERENCES))
    assert texts.count("two dogs run") == 1 and texts.count("one") == 2


def test_items_and_sums_tell_the_same_figure() -> None:
    scorer = Scorer(list(REFERENCES.values()), WORDS)
    measured = scorer.measure(match({"a": "a cat", "b": "dogs run fast"}, REFERENCES))
    for name in ("rouge_l", "cider"):
        one = measured[name]
        assert one.per_item is not None and one.value == pytest.approx(float(np.mean(one.per_item)))


def test_without_its_data_meteor_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, p=None: None if "pycocoevalcap" in n else found(n, p))
    matched = match({"a": "a cat", "b": "dogs"}, REFERENCES)
    scorer = Scorer(list(REFERENCES.values()))
    measured = scorer.measure(matched)
    assert "meteor" not in measured and {"bleu_4", "rouge_l", "cider"} < set(measured)
    (note,) = scorer.notes
    assert "pip install pycocoevalcap" in note
    with pytest.raises(SourceError, match="pip install pycocoevalcap"):
        Scorer(list(REFERENCES.values()), MetricChoice(("meteor",))).measure(matched)


def test_a_metric_that_lacks_its_model_or_does_not_exist_is_an_error() -> None:
    with pytest.raises(SourceError, match="spice"):
        MetricChoice(("bleu", "spice"))
    with pytest.raises(SourceError, match="--bert-score-model"):
        MetricChoice(("bert_score",))
    with pytest.raises(SourceError, match="--clip-score-model"):
        MetricChoice(("clip_score",))
    with pytest.raises(SourceError, match="there are bleu"):
        MetricChoice(())


def test_a_metric_is_loaded_from_inside_the_package() -> None:
    for name in ("bleu", "rouge_l", "meteor", "cider", "bert_score", "clip_score", "retrieval_recall"):
        assert (Path(metric_folder(name)) / f"{name}.py").is_file()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny BERT with random weights."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"a the cat sits sat on mat two dogs run".split()]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=32).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=32, **sizes)).save_pretrained(folder)
    return str(folder)


def test_bert_score_weighs_pairs_and_not_videos(encoder: str) -> None:
    evaluate = pytest.importorskip("evaluate")
    predictions = {"a": "the cat", "b": "two dogs"}
    found = scored(predictions, MetricChoice(None, encoder, 2))
    metric = evaluate.load(metric_folder("bert_score"))
    pairs = [(predictions[name], text) for name, own in REFERENCES.items() for text in own]
    single = [
        metric.compute(predictions=[said], references=[[text]], model=encoder, layer=2)["f1"] for said, text in pairs
    ]
    assert found["bert_score"] == pytest.approx(np.mean(single), abs=1e-6)
    with pytest.raises(SourceError, match="layer"):
        scored(predictions, MetricChoice(("bert_score",), encoder))


@pytest.mark.parametrize("at_once", [1, 128])
def test_clip_score_looks_at_the_frames_of_each_video(
    clip: Path, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panda_hf.evaluation.scoring.CLIPS_AT_ONCE", at_once)
    generator = np.random.default_rng(0)
    frames = {name: list(generator.integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)) for name in REFERENCES}
    scorer = Scorer(list(REFERENCES.values()), MetricChoice(("clip_score",), clip_score_model=str(clip)))
    matched = match({"a": "a red ball", "b": "the cube"}, REFERENCES)
    one = scorer.measure(matched, frames.get)["clip_score"]
    direct = [
        importlib.import_module("evaluate")
        .load(metric_folder("clip_score"))
        .compute(predictions=[said], images=[frames[name]], model=str(clip))["clip_score"]
        for name, said in zip(matched.ids, matched.predictions, strict=True)
    ]
    assert one.per_item is not None and one.per_item.tolist() == pytest.approx(direct, abs=1e-5)
    assert one.value == pytest.approx(float(np.mean(direct)), abs=1e-5)
    with pytest.raises(SourceError, match="needs the video of 'b'"):
        scorer.measure(matched, {"a": frames["a"]}.get)


def test_the_results_say_by_which_encoder_and_not_where_it_lies(encoder: str) -> None:
    scorer = Scorer(list(REFERENCES.values()), MetricChoice(("bert_score",), encoder, 1))
    variant = scorer.measure(match({"a": "x", "b": "y"}, REFERENCES))["bert_score"].variant
    assert variant is not None and variant.startswith(f"{Path(encoder).name}, layer 1, all pairs")


def real(shared: Path, name: str) -> tuple[Matched, dict[str, float]]:
    """Predictions of a published system, and the figures that its authors printed, in percent."""
    folder = shared / "data" / "captions"
    held = json.loads((folder / f"{name}_caption_test.json").read_text())
    references = {Path(item["video"]).stem: tuple(item["caption"]) for item in held}
    expected = json.loads((folder / f"{name}_ARB_beam5_expected.json").read_text())
    printed = next(figures for key, figures in expected.items() if key.startswith("reported"))
    return match(read_predictions(folder / f"{name}_ARB_beam5_preds.json"), references), printed


@pytest.mark.parametrize("name", [pytest.param("msrvtt", marks=pytest.mark.slow), "msvd"])
def test_published_figures_are_met_to_the_printed_digits(shared: Path, name: str) -> None:
    matched, printed = real(shared, name)
    found = {metric: one.value for metric, one in Scorer(matched.references, WORDS).measure(matched).items()}
    for metric, key in {"bleu_4": "B4", "rouge_l": "R", "cider": "C"}.items():
        assert round(found[metric] * 100, 2) == pytest.approx(printed[key], abs=1e-9), metric


@pytest.mark.slow
@pytest.mark.parametrize("name", ["msrvtt", "msvd"])
def test_published_meteor_is_met_to_the_printed_digits(shared: Path, name: str) -> None:
    pytest.importorskip("pycocoevalcap", reason="METEOR's data is not installed")
    matched, printed = real(shared, name)
    found = Scorer(matched.references, MetricChoice(("meteor",))).measure(matched)["meteor"].value
    # MSVD: pycocoevalcap of today gives 35.28 where the authors printed 35.29.
    assert found * 100 == pytest.approx(printed["M"], abs=0.01)


def test_bootstrapped_bleu_is_centred_on_the_corpus_figure(shared: Path) -> None:
    matched, printed = real(shared, "msvd")
    score = Scorer(matched.references, MetricChoice(("bleu",))).measure(matched)["bleu_4"].as_score()
    assert score.low is not None and score.high is not None
    assert score.low < printed["B4"] / 100 < score.high and score.high - score.low < 0.08
