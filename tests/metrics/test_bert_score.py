"""BERTScore beside the published package, both on a tiny encoder with random weights that the test makes."""

from __future__ import annotations

from pathlib import Path

import pytest

evaluate = pytest.importorskip("evaluate")
torch = pytest.importorskip("torch")

METRIC = str(Path(__file__).parents[2] / "panda_hf/metrics/bert_score")
PREDICTIONS = ["a man plays a guitar", "the dog", "a guitar in the park on a dog man man"]
REFERENCES = [["the man plays", "a man plays a guitar"], ["a dog plays in the park", "park"], ["a guitar"]]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"a the man dog plays guitar in on park".split()]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=32).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        initializer_range=0.5,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("idf", [False, True])
def test_every_pair_equals_the_published_package(encoder: str, idf: bool) -> None:
    package = pytest.importorskip("bert_score", reason="the package bert-score is not installed")
    pairs = [(one, text) for one, own in zip(PREDICTIONS, REFERENCES, strict=True) for text in own]
    weights = False
    if idf:
        from bert_score.utils import get_idf_dict
        from transformers import AutoTokenizer

        weights = get_idf_dict([text for _, text in pairs], AutoTokenizer.from_pretrained(encoder), nthreads=0)
    expected = package.score(
        [one for one, _ in pairs], [text for _, text in pairs], model_type=encoder, num_layers=2, idf=weights
    )
    found = evaluate.load(METRIC).compute(
        predictions=PREDICTIONS, references=REFERENCES, model=encoder, layer=2, idf=idf
    )
    for name, values in zip(("precision", "recall", "f1"), expected, strict=True):
        assert found[name] == pytest.approx(values.mean().item(), abs=1e-5)
    assert found["f1_per_item"][1] == pytest.approx(expected[2][2:4].mean().item(), abs=1e-5)


def test_the_best_reference_and_all_pairs_are_two_rules_that_the_output_names(encoder: str) -> None:
    metric = evaluate.load(METRIC)
    inputs = {"predictions": PREDICTIONS[:1], "references": REFERENCES[:1], "model": encoder, "layer": 2}
    best, every = metric.compute(**inputs, average="best_reference"), metric.compute(**inputs)
    assert best["f1"] == pytest.approx(1, abs=1e-6)
    alone = metric.compute(predictions=PREDICTIONS[:1], references=REFERENCES[0][:1], model=encoder, layer=2)
    assert every["f1"] == pytest.approx((1 + alone["f1"]) / 2, abs=1e-6)
    assert (best["average"], every["average"], every["num_pairs"]) == ("best_reference", "all_pairs", 2)


def test_a_batch_of_one_gives_the_same_as_a_batch_of_many(encoder: str) -> None:
    metric = evaluate.load(METRIC)
    inputs = {"predictions": PREDICTIONS, "references": REFERENCES, "model": encoder, "layer": 3}
    assert metric.compute(**inputs, batch_size=1)["f1"] == pytest.approx(metric.compute(**inputs)["f1"], abs=1e-6)


def test_an_empty_text_scores_zero_and_no_reference_is_an_error(encoder: str) -> None:
    metric = evaluate.load(METRIC)
    found = metric.compute(predictions=["", "a dog"], references=[["a dog"], ["a dog"]], model=encoder, layer=2)
    assert found["f1_per_item"] == pytest.approx([0, 1], abs=1e-6)
    with pytest.raises(ValueError, match="item 1 has no reference"):
        metric.compute(predictions=["a", "a"], references=[["a"], []], model=encoder, layer=2)


def test_a_layer_that_is_not_known_or_not_there_is_an_error(encoder: str) -> None:
    metric = evaluate.load(METRIC)
    with pytest.raises(ValueError, match="name a hidden layer"):
        metric.compute(predictions=["a"], references=[["a"]], model=encoder)
    with pytest.raises(ValueError, match="only 3 layers"):
        metric.compute(predictions=["a"], references=[["a"]], model=encoder, layer=4)
