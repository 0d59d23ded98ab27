"""What single patches of the selector's vision tower are asked for while it learns to see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from panda_hf.mini import world
from panda_hf.mini.places import Places, covered

ASKED = {"shape": len(world.SHAPES), "colour": len(world.COLOURS), "texture": len(world.TEXTURES)}
"""Of every thing, by the patches that show it."""
WEIGHTS = {"shape": 2.0, "colour": 1.0, "texture": 1.0}
MOTION = 3.0
FARTHEST = 6.0
"""Patches; what goes farther counts as going that far."""


def stacked(known: Sequence[Places]) -> dict[str, Tensor]:
    """The places of several clips as :class:`PatchReader` takes them: ``where`` and ``kinds``."""
    return {
        "where": torch.from_numpy(np.stack([one.where for one in known])),
        "kinds": torch.from_numpy(np.stack([one.kinds for one in known])),
    }


class PatchReader(nn.Module):
    """Linear heads on every patch: backdrop, subject or companion; what it is; how far the subject goes.

    Args:
        width: of the tokens.
        side: patches on a side of the picture.
    """

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.role = nn.Linear(width, 3)
        self.kinds = nn.ModuleDict({kind: nn.Linear(width, count) for kind, count in ASKED.items()})
        self.motion = nn.Linear(width, 2)

    def forward(self, tokens: Tensor, where: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the losses, and what the patches of each subject vote for.

        Args:
            tokens: (videos, frames, patches, width).
            where: (videos, frames, 3, 5), as ``Places.where``.
            kinds: (videos, 3, 3), as ``Places.kinds``.

        Returns:
            loss, and int64 (videos, 3) shape, colour and texture; ``NOTHING`` where the subject is never seen.
        """
        videos, frames = tokens.shape[:2]
        there = np.repeat(kinds.cpu().numpy()[:, None], frames, axis=1)
        shown = torch.from_numpy(covered(where.cpu().numpy(), there, self.side)).to(tokens.device)
        subject = shown[:, :, 0]
        role = torch.where(subject, 1, torch.where(shown.any(dim=2), 2, 0))
        loss = F.cross_entropy(self.role(tokens).flatten(0, 2), role.flatten())
        video, frame, thing, patch = shown.nonzero(as_tuple=True)
        if not len(video):
            return loss, torch.full((videos, len(ASKED)), -1)
        seen, first = tokens[video, frame, patch], thing == 0
        votes = []
        for i, (kind, head) in enumerate(self.kinds.items()):
            logits = head(seen).float()
            loss = loss + WEIGHTS[kind] * F.cross_entropy(logits, kinds[video, thing, i])
            counted = logits.detach().log_softmax(dim=-1)[first]
            votes.append(logits.new_zeros(videos, logits.shape[1]).index_add_(0, video[first], counted))
        guesses = torch.stack([vote.argmax(dim=1) for vote in votes], dim=1)
        guesses = guesses.masked_fill(~subject.flatten(1).any(dim=1, keepdim=True), -1)
        return loss + MOTION * self._motion_loss(seen[first], video[first], where, subject), guesses

    def _motion_loss(self, seen: Tensor, video: Tensor, where: Tensor, subject: Tensor) -> Tensor:
        """How far the subject goes from the first frame to the last, in patches, where both show it."""
        gone = ((where[:, -1, 0, :2] - where[:, 0, 0, :2]) * self.side).clamp(-FARTHEST, FARTHEST)
        known = (subject[:, 0].any(dim=1) & subject[:, -1].any(dim=1))[video]
        if not known.any():
            return seen.new_zeros(())
        return F.smooth_l1_loss(self.motion(seen[known]).float(), gone[video[known]])
