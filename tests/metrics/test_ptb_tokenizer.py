"""The tokenizer against what Stanford's own printed, and against Stanford's own where it is at hand."""

from __future__ import annotations

import filecmp
import json
import random
from pathlib import Path

import pytest

from panda_hf.metrics.cider.ptb_tokenizer import tokenize, tokenized
from tests.metrics.captions import METRICS, TRICKY, benchmark, java, official

PRINTED = {
    "A man's dog doesn't like it, but she can't.": "a man 's dog does n't like it but she ca n't",
    "Mr. Smith paid $1,000.50 for 2 1/2 pounds (approx.) of C++ books!": (
        "mr. smith paid $ 1,000.50 for 2\u00a01/2 pounds -lrb- approx -rrb- of c++ books"
    ),
    "it's 'quoted' \"text\" and the \u201980s \u2014 well\u2026 3:30 p.m. on jan. 5": (
        "it 's quoted text and the \u201980s well 3:30 p.m. on jan. 5"
    ),
    "http://a.b/c?d=e and me@x.org, @user #tag": "http://a.b/c?d=e and me@x.org, @user #tag",
    "na\u00efve caf\u00e9 \u6771\u4eac \U0001f600 \u00bd \u20ac5 \u00a33": (
        "na\u00efve caf\u00e9 \u6771\u4eac 1/2 $ 5 # 3"
    ),
    "gonna wanna cannot 'tis rock 'n' roll o'clock": "gon na wan na can not 't is rock 'n' roll o'clock",
    "U.S.A. vs. U.K. in the 1990s: 50% off & more...": "u.s.a. vs. u.k. in the 1990s 50 % off & more",
    "state-of-the-art t-shirt/jacket and/or (555) 123-4567": (
        "state-of-the-art t-shirt/jacket and/or -lrb-555-rrb-\u00a0123-4567"
    ),
    "<b>bold</b> [x] {y} :-) ^_^": "<b> bold </b> -lsb- x -rsb- -lcb- y -rcb- :--rrb- ^_^",
    "...!?": "!?",
    "": "",
}
PIECES = (
    "the A dog cat's don't can't CANNOT gonna 'tis 'Twas jan. Jan. Mr. U.S. I. Plan "
    "b. etc. e.g. p.m. Ph.D. 1,000 3.14 -5 1/2 1 12/25/1999 \xbd $5 US$ \xa33 \u20ac4 "
    'http://a.b/c?d=e www.foo.com foo.com a@b.c @user #tag # <b> </b> <a href="x"> '
    "&amp; &lt; &quot; &nbsp; R&B (a) [b] {c} -LRB- -- - ... . . ! ?! ; : , ' '' ` "
    "`` \" \u201chi\u201d \u2018hi\u2019 it\u2019s don\u2019t n't 's 'em o'clock O'Brien l'avion 80s '90s co-ed "
    "pro-life T-shirt (555) 123-4567 555.123.4567 :) :-( ^_^ file.txt a.py c++ C# "
    "a/b 100% 50\xb0C \xb2 \xe9 \xf1 caf\xe9 \u03a9 \u6771\u4eac \ud55c\uad6d\uc5b4 "
    "\u05e2\u05d1 \u0939\u093f \U0001f600 \u2764 "
    "\u2026 \u2014 a\xadb \xa0 \u3000 \xab \xbb \xa1hola! \uff46\uff55 \u0663 __ * "
    "\\* | ~ = << % & co. ltd. inc. No. 5 fig. 3 vs. St. miss. Ore. The In a.k.a. "
    "x.y.z. end.of what?no 3rd 5'11\" A.I. 'til cont'd. S&P-500 C.D.s mp3 \x7f \u2192 \u20a4 "
).split()


def written(seed: int, lines: int) -> list[str]:
    """Lines that put odd pieces beside each other in ways that nobody wrote down."""
    drawn = random.Random(seed)
    ends = [" "] * 6 + ["", "", "  ", "\t", "\u00a0", ".", ",", "'", "-", '"', "/"]
    return [
        "".join(drawn.choice(PIECES) + drawn.choice(ends) for _ in range(drawn.randint(1, 8))) for _ in range(lines)
    ]


def as_printed(lines: list[str]) -> list[str]:
    found = official("PTBTokenizer")().tokenize({n: [{"caption": line}] for n, line in enumerate(lines)})
    return [" ".join(word for word in found[n][0].split(" ") if word) for n in range(len(lines))]


@pytest.mark.parametrize(("caption", "tokens"), PRINTED.items())
def test_it_prints_what_the_stanford_tokenizer_printed(caption: str, tokens: str) -> None:
    assert tokenized([caption]) == [tokens]
    assert tokenize([caption]) == [tokens.split(" ") if tokens else []]


def test_a_final_initial_looks_at_the_next_caption() -> None:
    assert tokenized(["plan B.", "The end"]) == ["plan b", "the end"]
    assert tokenized(["plan B.", "the end"]) == ["plan b.", "the end"]
    assert tokenized(["plan B.", "", "The end"]) == ["plan b", "", "the end"]


def test_line_breaks_inside_a_caption_shift_no_other_caption() -> None:
    broken = "one\ntwo\rthree\u2028four\x0bfive\x85six"
    assert tokenized([broken, "seven"]) == ["one two three four five six", "seven"]


def test_no_caption_gives_nothing() -> None:
    assert tokenized([]) == []


def test_every_metric_has_the_same_tokenizer() -> None:
    files = ("caption_corpus.py", "caption_items.py", "longest_match.py", "ptb_grammar.py", "ptb_tokenizer.py")
    copies = [path for name in files for path in METRICS.glob(f"*/{name}")]
    assert len(copies) == 3 + 4 * 4
    assert [str(path) for path in copies if not filecmp.cmp(path, METRICS / "cider" / path.name, shallow=False)] == []


@pytest.mark.parametrize("seed", [1, 2])
def test_it_equals_the_stanford_tokenizer_on_odd_pieces(seed: int) -> None:
    java()
    lines = [*TRICKY, *written(seed, 5000)]
    assert dict(zip(lines, tokenized(lines), strict=True)) == dict(zip(lines, as_printed(lines), strict=True))


def test_it_equals_the_stanford_tokenizer_on_every_stored_caption(shared: Path) -> None:
    java()
    captions = [row["caption"] for row in json.loads((shared / "data/captions/coco_fakecap_results.json").read_text())]
    for name in ("msrvtt", "msvd"):
        _, predictions, references = benchmark(shared, name)
        captions += [*predictions, *(caption for several in references for caption in several)]
    assert len(captions) > 90_000
    ours, theirs = tokenized(captions), as_printed(captions)
    assert [pair for pair in zip(captions, ours, theirs, strict=True) if pair[1] != pair[2]] == []
