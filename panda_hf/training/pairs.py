"""Pre-train a selector on generic pairs: every text belongs to one video of the batch, all others are wrong."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from panda_hf.training.selector import SelectorLoss, SelectorTrainer

PAIRS_LOSS = SelectorLoss(other_clips=1.0)
"""With one candidate per clip and other clips at full weight, the fine-grained loss is the plain contrastive one."""


class PairsTrainer(SelectorTrainer):
    """``Trainer`` over examples of one caption each, with the contrastive and the matching loss of OpenGVLab/UMT.

    Contrast goes over all processes; wrong texts and videos for the matching loss are drawn from the process's own
    batch. Masked words and unmasked-teacher alignment, which UMT's own pre-training adds, are not part of it.
    """

    def _matching(self, inputs: dict[str, Tensor]) -> dict[str, Any]:
        """Wrong texts are those of other videos; a single pair has none."""
        return {"return_loss": True} if len(inputs["present"]) > 1 else {}
