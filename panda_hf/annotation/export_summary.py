"""What an export of answers came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from panda_hf.annotation.agreement import Agreement


@dataclass
class ExportSummary:
    """What was written, and what was not.

    Attributes:
        folder: the dataset folder.
        clips: with an answer.
        answers: that were written.
        all_bad: answers among them that found no caption good.
        annotators: how many gave them.
        left_out: answers that were not written, by reason.
        agreement: over all pairs of annotators; ``None`` when no clip has two answers.
    """

    folder: Path
    clips: int = 0
    answers: int = 0
    all_bad: int = 0
    annotators: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    agreement: Agreement | None = None
