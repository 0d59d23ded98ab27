"""BLEU, ROUGE-L and CIDEr: by arithmetic, against stored scores, and against pycocoevalcap where it is at hand."""

from __future__ import annotations

import importlib
import json
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panda_hf.metrics.bleu.bleu import from_statistics
from panda_hf.metrics.cider.ptb_tokenizer import tokenized
from tests.metrics.captions import METRICS, TRICKY, benchmark, metric, official

NAMES = ("bleu", "rouge_l", "cider")
BLEUS = ("bleu_1", "bleu_2", "bleu_3", "bleu_4")
OWN = {"bleu": BLEUS, "rouge_l": ("rouge_l",), "cider": ("cider",)}
STORED = {"Bleu_1": "bleu_1", "Bleu_2": "bleu_2", "Bleu_3": "bleu_3", "Bleu_4": "bleu_4"} | {
    "ROUGE_L": "rouge_l",
    "CIDEr": "cider",
}


def every(predictions: list[str], references: list[list[str]], **options: Any) -> dict[str, Any]:
    """All figures of the three metrics, and the figures of each item by name."""
    found: dict[str, Any] = {"per_item": {}}
    for name in NAMES:
        one = metric(name).compute(predictions=predictions, references=references, per_item=True, **options)
        found["per_item"] |= one.pop("per_item")
        found |= {key: one[key] for key in OWN[name]}
    return found


def theirs(predictions: list[str], references: list[list[str]]) -> dict[str, Any]:
    """The same of pycocoevalcap, on the same tokens."""
    said = {n: [line] for n, line in enumerate(tokenized(predictions))}
    flat = iter(tokenized([caption for several in references for caption in several]))
    known = {n: [next(flat) for _ in several] for n, several in enumerate(references)}
    bleu, each_bleu = official("Bleu")(4).compute_score(known, said, verbose=0)
    rouge, each_rouge = official("Rouge")().compute_score(known, said)
    cider, each_cider = official("Cider")().compute_score(known, said)
    each = dict(zip(BLEUS, each_bleu, strict=True)) | {"rouge_l": each_rouge, "cider": each_cider}
    return dict(zip(BLEUS, bleu, strict=True)) | {"rouge_l": rouge, "cider": cider, "per_item": each}


def assert_equal(ours: dict[str, Any], others: dict[str, Any]) -> None:
    for name in STORED.values():
        assert ours[name] == pytest.approx(others[name], abs=1e-9), name
        np.testing.assert_allclose(ours["per_item"][name], others["per_item"][name], atol=1e-9, err_msg=name)


def test_bleu_by_arithmetic() -> None:
    found = metric("bleu").compute(predictions=["the cat the cat"], references=[["the cat sat on a mat", "a cat"]])
    # "the" once and "cat" once of four; "the cat" once of three; no three words in a row. Both references are two
    # words away; the shorter one counts, so there is no penalty.
    assert found["bleu_1"] == pytest.approx(2 / 4)
    assert found["bleu_2"] == pytest.approx(math.sqrt(2 / 4 * 1 / 3))
    assert found["bleu_3"] == pytest.approx(0, abs=1e-4)


def test_the_brevity_penalty_takes_the_reference_closest_in_length() -> None:
    references = [["a b c d e f g h", "x y z"]]
    found = metric("bleu").compute(predictions=["a b"], references=references)
    assert found["bleu_1"] == pytest.approx(math.exp(1 - 3 / 2))


def test_bleu_of_a_corpus_follows_from_the_sums_of_its_statistics() -> None:
    predictions, references = ["a cat sat", "a dog ran away"], [["the cat sat"], ["the dog ran away", "it ran"]]
    found = metric("bleu").compute(predictions=predictions, references=references, per_item=True)
    statistics = np.asarray(found["statistics"])
    assert statistics.tolist()[0] == [2, 1, 0, 0, 3, 2, 1, 0, 3, 3]
    np.testing.assert_allclose(from_statistics(statistics.sum(axis=0)[None])[0], [found[name] for name in BLEUS])


def test_rouge_l_takes_the_best_precision_and_the_best_recall_of_any_reference() -> None:
    found = metric("rouge_l").compute(predictions=["a b c d"], references=[["a x b y c z d w", "a b"]])
    # Precision 4/4 with the first, recall 2/2 with the second.
    assert found["rouge_l"] == pytest.approx(1.0)
    found = metric("rouge_l").compute(predictions=["a b c d"], references=[["d c b a"]])
    assert found["rouge_l"] == pytest.approx(0.25)


def test_rouge_l_of_long_captions_equals_a_table_of_prefixes() -> None:
    drawn = random.Random(0)
    for length in (63, 64, 65, 200):
        left = [drawn.choice("abcd") for _ in range(length)]
        right = [drawn.choice("abcd") for _ in range(drawn.randint(1, 150))]
        table = np.zeros((len(left) + 1, len(right) + 1), dtype=int)
        for i, a in enumerate(left):
            for j, b in enumerate(right):
                table[i + 1, j + 1] = table[i, j] + 1 if a == b else max(table[i, j + 1], table[i + 1, j])
        precision, recall = table[-1, -1] / len(left), table[-1, -1] / len(right)
        found = metric("rouge_l").compute(predictions=[" ".join(left)], references=[[" ".join(right)]], tokenize=False)
        assert found["rouge_l"] == pytest.approx((1 + 1.44) * precision * recall / (recall + 1.44 * precision))


def test_cider_by_arithmetic() -> None:
    found = metric("cider").compute(predictions=["a cat", "a dog"], references=[["a cat"], ["a pig"]], per_item=True)
    # "a" is in the references of both items and weighs nothing; of 1-grams and 2-grams alone both are equal in item 1.
    assert found["per_item"]["cider"] == pytest.approx([10 * 2 / 4, 0.0])
    assert found["cider"] == pytest.approx(2.5)


def test_words_of_other_scripts_punctuation_and_nothing_score_as_the_package_scores_them() -> None:
    predictions = [*TRICKY, "a man runs", "\u6771\u4eac"]
    # The package's table of 10,000 x 10,000 words takes minutes.
    references = [["a man is running ."] if len(text) > 1000 else [text, "a man runs ."] for text in predictions]
    references[0] = [*TRICKY[:4]]
    assert_equal(every(predictions, references), theirs(predictions, references))


def test_an_empty_prediction_scores_nothing_and_hurts_nobody_else() -> None:
    found = every(["", "a dog runs here"], [["a cat sits there"], ["a dog runs here"]])
    assert [found["per_item"][name][0] for name in ("rouge_l", "cider")] == [0, 0]
    assert found["per_item"]["bleu_4"] == pytest.approx([0, 1], abs=1e-5)
    assert every([""], [[""]])["per_item"]["bleu_1"] == pytest.approx([0], abs=1e-5)


FAULTS = {
    "'v2' has no reference": ({"predictions": ["a", "b"], "references": [["a"], []], "ids": ["v1", "v2"]}),
    "'v2' has no reference but nan": (
        {"predictions": ["a", "b"], "references": [["a"], math.nan], "ids": ["v1", "v2"]}
    ),
    "0 has no reference but {": ({"predictions": ["a"], "references": [{"caption": "x"}]}),
    "'v1' is there twice": ({"predictions": ["a", "b"], "references": [["a"], ["b"]], "ids": ["v1", "v1"]}),
    r"\['v'\] is there twice": ({"predictions": ["a", "b"], "references": [["a"], ["b"]], "ids": [["v"], ["v"]]}),
    "2 predictions, 1 lists": ({"predictions": ["a", "b"], "references": [["a"]]}),
    "the prediction for 1 is no text but None": ({"predictions": ["a", None], "references": [["a"], ["b"]]}),
    "the references of 0 are one text": ({"predictions": ["a"], "references": ["a"]}),
    "a reference of 'v' is no text but 3": ({"predictions": ["a"], "references": [[3]], "ids": ["v"]}),
    "no predictions": ({"predictions": [], "references": []}),
    "predictions are a dict": ({"predictions": {"v0": "a"}, "references": [["a"]]}),
    "predictions are a str": ({"predictions": "a", "references": [["a"]]}),
    "references are 7": ({"predictions": ["a"], "references": 7}),
    "not given references": ({"predictions": ["a"]}),
}


@pytest.mark.parametrize("message", FAULTS)
@pytest.mark.parametrize("name", [*NAMES, "meteor"])
def test_what_cannot_be_scored_is_an_error_that_names_the_item(name: str, message: str) -> None:
    options = {"variant": "exact+stem"} if name == "meteor" else {}
    with pytest.raises(ValueError, match=message):
        metric(name).compute(**FAULTS[message], **options)


@pytest.mark.parametrize("name", NAMES)
def test_generators_and_arrays_are_lists_too(name: str) -> None:
    predictions, references = ["a cat sat", "the dog"], [["the cat sat", "cat"], ["a dog"]]
    expected = metric(name).compute(predictions=predictions, references=references)
    streamed = metric(name).compute(
        predictions=(said for said in predictions), references=((one for one in own) for own in references)
    )
    arrays = metric(name).compute(predictions=np.array(predictions), references=[np.array(own) for own in references])
    assert streamed == arrays == expected


@pytest.mark.parametrize("name", NAMES)
def test_captions_given_at_the_end_join_those_of_earlier_batches(name: str) -> None:
    predictions, references = ["a cat sat", "the dog"], [["the cat sat", "cat"], ["a dog"]]
    expected = metric(name).compute(predictions=predictions, references=references)
    parts = metric(name)
    parts.add_batch(predictions=predictions[:1], references=references[:1])
    assert parts.compute(predictions=predictions[1:], references=references[1:]) == expected
    assert parts.compute(predictions=predictions, references=references) == expected


@pytest.mark.parametrize("name", NAMES)
def test_captions_may_come_in_batches(name: str) -> None:
    whole, parts = metric(name), metric(name)
    predictions, references = ["a cat sat", "the dog"], [["the cat sat", "cat"], ["a dog"]]
    expected = whole.compute(predictions=predictions, references=references)
    parts.add(prediction=predictions[0], reference=references[0])
    parts.add_batch(predictions=predictions[1:], references=references[1:])
    assert parts.compute() == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_runs_alone(name: str, tmp_path: Path) -> None:
    shutil.copytree(METRICS / name, tmp_path / name)
    code = (
        "import sys, panda_hf, evaluate\n"
        "sys.modules.update({name: None for name in list(sys.modules) if name.startswith('panda_hf')})\n"
        f"print(evaluate.load({str(tmp_path / name)!r}).compute(predictions=['a cat'], references=[['a cat']]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert OWN[name][0] in ran.stdout, ran.stderr


@pytest.mark.parametrize("name", ["msrvtt", "msvd"])
def test_the_published_scores_are_met(shared: Path, name: str) -> None:
    ids, predictions, references = benchmark(shared, name)
    found = every(predictions, references, ids=ids)
    stored = json.loads((shared / f"data/captions/{name}_ARB_beam5_expected.json").read_text())
    exact = stored["recomputed_pycocoevalcap_1.2_with_PTBTokenizer_fraction"]
    assert {key: found[ours] for key, ours in STORED.items()} == pytest.approx(
        {key: exact[key] for key in STORED}, abs=1e-9
    )
    printed = stored["reported_by_authors_percent (latency.txt blob ed555478357c)"]
    ours = {"B4": found["bleu_4"], "R": found["rouge_l"], "C": found["cider"]}
    assert {key: round(100 * value, 2) for key, value in ours.items()} == {key: printed[key] for key in ours}


def test_scores_of_each_video_equal_those_that_the_authors_stored(shared: Path) -> None:
    ids, predictions, references = benchmark(shared, "msrvtt")
    stored = json.loads((shared / "data/captions/msrvtt_ARB_beam5_per_video_scores_by_authors.json").read_text())
    found = every(predictions, references)["per_item"]
    for key, ours in STORED.items():
        away = np.abs(np.array([stored[video][key] for video in ids]) - found[ours])
        # Of CIDEr the authors' own run differs by up to 2e-4, and in one video by more.
        assert np.sort(away)[-2] < (2e-4 if key == "CIDEr" else 1e-9), key


def test_the_coco_example_is_met(shared: Path) -> None:
    rows = json.loads((shared / "data/captions/coco_fakecap_tokenised_refs_and_preds.json").read_text())
    stored = json.loads((shared / "data/captions/coco_fakecap_expected.json").read_text())
    exact = stored["recomputed here with pycocoevalcap 1.2, no re-tokenisation"]
    found = every([row["test"] for row in rows], [row["refs"] for row in rows], tokenize=False)
    assert {key: found[ours] for key, ours in STORED.items()} == pytest.approx(
        {key: exact[key] for key in STORED}, abs=1e-9
    )


def test_every_item_of_a_real_benchmark_equals_the_package(shared: Path) -> None:
    _, predictions, references = benchmark(shared, "msvd")
    assert_equal(every(predictions, references), theirs(predictions, references))


def test_the_metrics_do_not_import_the_package() -> None:
    for name in NAMES:
        module = importlib.import_module(f"panda_hf.metrics.{name}.{name}")
        assert "panda_hf" not in Path(str(module.__file__)).read_text().replace("panda_hf/metrics", "")
