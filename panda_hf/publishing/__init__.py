"""What a run shows of itself: the report and the dataset card."""

from panda_hf.publishing.card import write_card
from panda_hf.publishing.report import write_report

__all__ = ["write_card", "write_report"]
