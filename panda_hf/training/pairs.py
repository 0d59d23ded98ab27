"""Pre-train a selector on generic pairs: every text belongs to one video of the batch, all others are wrong."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from panda_hf.models.umt import UMTForVideoTextRetrieval
from panda_hf.training.selector import SelectorLoss, SelectorTrainer

PAIRS_LOSS = SelectorLoss(other_clips=1.0)
"""With one candidate per clip and other clips at full weight, the fine-grained loss is the plain contrastive one."""


class PairsTrainer(SelectorTrainer):
    """``Trainer`` over examples of one caption each, with the contrastive and the matching loss of OpenGVLab/UMT.

    Contrast goes over all processes; wrong texts and videos for the matching loss are drawn from the process's own
    batch. Masked words and unmasked-teacher alignment, which UMT's own pre-training adds, are not part of it.
    """

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The sum of both losses; of towers alone only the contrast."""
        core = self.accelerator.unwrap_model(model)
        matching = isinstance(core, UMTForVideoTextRetrieval) and model.training and len(inputs["present"]) > 1
        seen = {name: inputs[name] for name in ("pixel_values", "frame_vectors") if name in inputs}
        out = model(
            **seen,
            input_ids=inputs["input_ids"].flatten(0, 1),
            attention_mask=inputs["attention_mask"].flatten(0, 1),
            return_loss=matching and bool(self.selector_loss.matching),
        )
        loss = self._contrast(core, out, inputs)
        if getattr(out, "matching_loss", None) is not None:
            loss = loss + self.selector_loss.matching * out.matching_loss
        cosine = out.similarity.unflatten(1, tuple(inputs["present"].shape))
        return (loss, {"cosine": cosine, "out": out}) if return_outputs else loss
