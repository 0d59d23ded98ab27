"""Training in several processes: how they part at the end."""

from __future__ import annotations

import torch.distributed as dist
from accelerate import PartialState


def leave_processes() -> None:
    """Wait for the other processes and part from them; nothing where there are none."""
    PartialState().wait_for_everyone()
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
