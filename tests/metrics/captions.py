"""What the tests of caption metrics share: the metrics, stored corpora, and the published package beside them."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

METRICS = Path(__file__).parents[2] / "panda_hf/metrics"

TRICKY = (
    "",
    "...!?",
    "A man's dog doesn't like it, but she can't.",
    "Mr. Smith paid $1,000.50 for 2 1/2 pounds (approx.) of C++ books!",
    "it's 'quoted' \"text\" and the \u201980s \u2014 well\u2026 3:30 p.m. on jan. 5",
    "http://a.b/c?d=e and me@x.org, @user #tag",
    "na\u00efve caf\u00e9 \u6771\u4eac \u041f\u0440\u0438\u0432\u0435\u0442 \U0001f600 \u00bd \u20ac5 \u00a33",
    "gonna wanna cannot 'tis rock 'n' roll o'clock",
    "U.S.A. vs. U.K. in the 1990s: 50% off & more...",
    "well-known t-shirt/jacket and/or (555) 123-4567",
    "<b>bold</b> [x] {y} :-) ^_^",
    "a a a a a a a a",
    "a cat " * 5000,
)
"""Text that tokenizers differ on, and a caption of 10,000 words."""


def metric(name: str) -> Any:
    """A metric as a user loads it."""
    evaluate = pytest.importorskip("evaluate")
    return evaluate.load(str(METRICS / name))


def official(scorer: str) -> Any:
    """A class of pycocoevalcap; skips where the package is missing."""
    place = {
        "PTBTokenizer": "tokenizer.ptbtokenizer",
        "Bleu": "bleu.bleu",
        "Rouge": "rouge.rouge",
        "Cider": "cider.cider",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip(f"pycocoevalcap.{place[scorer]}", reason="pycocoevalcap is not installed")
    return getattr(module, scorer)


def java() -> None:
    """Skips where the published tokenizer cannot run."""
    if shutil.which("java") is None:
        pytest.skip("there is no java")


def benchmark(shared: Path, name: str) -> tuple[list[str], list[str], list[list[str]]]:
    """Ids, predictions of a published system and references of `msrvtt` or `msvd`."""
    folder = shared / "data/captions"
    rows = json.loads((folder / f"{name}_caption_test.json").read_text())
    references = {row["video"].rsplit(".", 1)[0]: row["caption"] for row in rows}
    predictions = json.loads((folder / f"{name}_ARB_beam5_preds.json").read_text())
    ids = [video for video in references if video in predictions] or list(predictions)
    return ids, [predictions[video] for video in ids], [references[video] for video in ids]
