"""BLEU, ROUGE-L and CIDEr beside pycocoevalcap, tokenization included.

`python benchmarks/metrics.py [REFERENCES PREDICTIONS]`: a list of `{"video", "caption": [...]}` and an object of
captions by video, as JSON; without them 2,990 videos with 20 made-up references each. The peer needs
`pip install pycocoevalcap` and Java. Both sides take turns in one process; each of our metrics tokenises for itself.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import panda_hf  # noqa: F401  its guard must be armed before evaluate imports torchvision

import evaluate  # isort: skip

METRICS = Path(__file__).parents[1] / "panda_hf/metrics"
NAMES = ("bleu", "rouge_l", "cider")
Captions = tuple[list[str], list[list[str]]]


def read(references: Path, predictions: Path) -> Captions:
    known = {row["video"].rsplit(".", 1)[0]: row["caption"] for row in json.loads(references.read_text())}
    said = json.loads(predictions.read_text())
    return [said[video] for video in known], list(known.values())


def made_up(videos: int = 2990, each: int = 20) -> Captions:
    """Captions of 5 to 14 words of which few are frequent, one in eight with punctuation."""
    drawn = random.Random(0)
    letters = "etaoinshrdlu"
    words = ["".join(drawn.choices(letters, k=drawn.randint(2, 9))) for _ in range(9000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]

    def caption() -> str:
        text = " ".join(drawn.choices(words, weights, k=drawn.randint(5, 14)))
        return text.capitalize() + "." if drawn.random() < 0.125 else text

    return [caption() for _ in range(videos)], [[caption() for _ in range(each)] for _ in range(videos)]


def ours(metrics: dict[str, evaluate.EvaluationModule], captions: Captions) -> dict[str, float]:
    took = {}
    for name, metric in metrics.items():
        began = time.perf_counter()
        metric.compute(predictions=captions[0], references=captions[1])
        took[name] = time.perf_counter() - began
    return took


def theirs(captions: Captions) -> dict[str, float]:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    took: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        began = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            found = work()
        took[name] = time.perf_counter() - began
        return found

    said = {n: [{"caption": caption}] for n, caption in enumerate(captions[0])}
    known = {n: [{"caption": caption} for caption in several] for n, several in enumerate(captions[1])}
    tokens = timed("tokenizer", lambda: (PTBTokenizer().tokenize(known), PTBTokenizer().tokenize(said)))
    for name, scorer in (("bleu", Bleu(4)), ("rouge_l", Rouge()), ("cider", Cider())):
        timed(name, lambda scorer=scorer: scorer.compute_score(*tokens))  # type: ignore[misc]
    return took


def shown(who: str, runs: list[dict[str, float]]) -> float:
    middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    total = statistics.median(sum(run.values()) for run in runs)
    print(f"{who:14} {total:6.2f} s   " + "  ".join(f"{name} {seconds:.2f}" for name, seconds in middle.items()))
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("references", type=Path, nargs="?")
    parser.add_argument("predictions", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    captions = read(arguments.references, arguments.predictions) if arguments.predictions else made_up()
    print(f"{len(captions[0]):,} predictions, {sum(map(len, captions[1])):,} references")
    metrics = {name: evaluate.load(str(METRICS / name)) for name in NAMES}
    first = ours(metrics, captions)
    shown("ours, first", [first])
    us, them = [], []
    for _ in range(arguments.repeats):
        them.append(theirs(captions))
        us.append(ours(metrics, captions))
    peer, own = shown("pycocoevalcap", them), shown("ours", us)
    print(f"ours is {peer / own:.1f} times faster ({peer / sum(first.values()):.1f} times in its first run)")


if __name__ == "__main__":
    main()
