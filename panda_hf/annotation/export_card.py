"""The card of exported answers, written from what was exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from panda_hf.annotation.agreement import Agreement

if TYPE_CHECKING:
    from panda_hf.annotation.export import ExportSummary


def card(summary: ExportSummary, pairs: Mapping[tuple[str, str], Agreement], dataset: str, title: str) -> str:
    """The README.md of an export: configurations, how to load and train, counts, agreement.

    Names of annotators do not stand in it; they are in the data.

    Args:
        summary: what was exported.
        pairs: agreement of every two annotators.
        dataset: what was annotated.
        title: its short name.
    """
    splits = [split for split in ("train", "validation") if summary.clips[split]]
    files = "".join(f"\n  - split: {split}\n    path: clips/{split}/*.parquet" for split in splits)
    told = ", ".join(f"{summary.clips[split]:,} in `{split}`" for split in splits)
    return _TEXT.format(
        files=files,
        title=_plain(title),
        dataset=_plain(dataset),
        clips=told,
        answers=f"{summary.answers:,}",
        all_bad=f"{summary.all_bad:,}",
        annotators=summary.annotators,
        left_out="".join(f"\nLeft out: {n:,} answer(s), {why}." for why, n in sorted(summary.left_out.items()) if n),
        agreement=_agreement(summary.agreement, pairs),
    )


def _agreement(total: Agreement | None, pairs: Mapping[tuple[str, str], Agreement]) -> str:
    if total is None:
        return "No clip was judged by two people."
    above = "" if total.above_chance is None else f" ({total.above_chance:.2f} above chance, where 1 is always)"
    shares = sorted(one.share for one in pairs.values())
    spread = f" Pairs of people: {shares[0]:.1%} to {shares[-1]:.1%}." if len(shares) > 1 else ""
    return f"Two people agree on {total.share:.1%} of {total.clips:,} clips that both judged{above}.{spread}"


def _plain(text: str) -> str:
    """Text that means nothing to YAML or Markdown."""
    return "".join(c if c.isalnum() or c in " -_./" else " " for c in text).strip() or "dataset"


_TEXT = """---
pretty_name: "Answers to {title}"
license: other
tags:
- video
- video-captioning
- human-feedback
- panda_hf
configs:
- config_name: clips
  default: true
  data_files:{files}
- config_name: answers
  data_files:
  - split: train
    path: answers/*.parquet
---

# Answers to {title}

People watched clips of `{dataset}` and said which captions are good. {answers} answers of {annotators} people,
{all_bad} of them "all bad"; clips: {clips}.{left_out}

{agreement}

```python
from datasets import load_dataset

clips = load_dataset("path/to/this/folder", split="train")  # a clip with its captions, answers and targets
answers = load_dataset("path/to/this/folder", "answers", split="train")  # one row per answer, no pictures
```

`clip` holds the bytes of the clip alone. `answers[i]["chosen"]` are places in `captions`; none means that all are bad.
`targets` is the mean of what people chose, without those who found all bad; `None` where everybody did.

Fine-tune a selector on it: `panda_hf.annotation.AnnotatedClips("path/to/this/folder")` holds its training examples.
"""
