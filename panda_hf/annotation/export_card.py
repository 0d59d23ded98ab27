"""The card of exported answers, written from what was exported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from panda_hf.annotation.agreement import Agreement
from panda_hf.annotation.export_summary import ExportSummary


def card(summary: ExportSummary, pairs: Mapping[tuple[str, str], Agreement], dataset: str, digest: str) -> str:
    """The README.md of an export: how to load and to train, counts, agreement.

    Names of annotators do not stand in it; they are in the data.

    Args:
        summary: what was exported.
        pairs: agreement of every two annotators.
        dataset: what was annotated.
        digest: of the data. ``load_dataset`` keeps what it once loaded by what the card says of a configuration, not
            by its files: without it a later export would load as an earlier one.
    """
    left_out = (f"Left out: {n:,} answer(s), {why}." for why, n in sorted(summary.left_out.items()) if n)
    return _TEXT.format(
        digest=digest,
        title=_plain(Path(dataset).name),
        answers=f"{summary.answers:,}",
        all_bad=f"{summary.all_bad:,}",
        clips=f"{summary.clips:,}",
        annotators=summary.annotators,
        agreement=_agreement(summary.agreement, pairs),
        left_out="".join(f"\n{line}" for line in left_out),
    )


def _agreement(total: Agreement | None, pairs: Mapping[tuple[str, str], Agreement]) -> str:
    if total is None:
        return "No clip was judged by two people."
    above = "" if total.above_chance is None else f" ({total.above_chance:.2f} above chance, where 1 is always)"
    shares = sorted(one.share for one in pairs.values())
    spread = f" Pairs of people: {shares[0]:.1%} to {shares[-1]:.1%}." if len(shares) > 1 else ""
    return f"Two people gave the same answer to {total.share:.1%} of {total.clips:,} clips of pairs{above}.{spread}"


def _plain(text: str) -> str:
    """Text that means nothing to YAML or Markdown."""
    return "".join(c if c.isalnum() or c in " -." else " " for c in text).strip() or "dataset"


_TEXT = """---
pretty_name: "Answers to {title}"
license: other
tags:
- video
- video-captioning
- human-feedback
- panda_hf
configs:
- config_name: answers
  default: true
  description: answers {digest}
  data_files:
  - split: train
    path: data/train-*.parquet
---

# Answers to {title}

People watched clips and said which captions are good: {answers} answers of {annotators} people to {clips} clips,
{all_bad} of them "all bad".

{agreement}{left_out}

```python
from datasets import load_dataset

answers = load_dataset("path/to/this/folder", split="train")  # one row per answer
```

`picked` holds places among `candidates`; none means that all are bad. Who picked a caption that several teachers wrote
picked it of each of them. `clip` holds the bytes of the clip alone.

Fine-tune a selector on it: `panda-hf train selector path/to/this/folder --out my-selector`
"""
