"""Contrast over several processes: the embeddings of all of them, with gradients."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.distributed.nn.functional import all_gather


def gathered(videos: Tensor, texts: Tensor, targets: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The batches of all processes one behind the other, in the order of their ranks.

    Every process computes the loss over all of them. A process gets back the gradients of all processes for what is
    its own, so that the mean over processes, which data-parallel training takes, is the gradient of that one loss.

    Args:
        videos: (clips, frames, dim), with gradients; the same number of clips in every process.
        texts: (clips, candidates, dim), with gradients.
        targets: (clips, candidates).
        present: (clips, candidates), False for padding.
    """
    most = torch.tensor(present.shape[1], device=present.device)
    dist.all_reduce(most, op=dist.ReduceOp.MAX)
    more = int(most) - present.shape[1]
    texts, targets = F.pad(texts, (0, 0, 0, more)), F.pad(targets, (0, more))
    present = F.pad(present, (0, more), value=False)
    return _rows(videos), _rows(texts), _plain(targets), _plain(present.to(torch.uint8)).bool()


def _rows(tensor: Tensor) -> Tensor:
    return torch.cat(list(all_gather(tensor.contiguous())))


def _plain(tensor: Tensor) -> Tensor:
    found = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(found, tensor.contiguous())
    return torch.cat(found)
