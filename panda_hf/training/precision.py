"""Number formats of the computation."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""``auto``: bfloat16 on a GPU that has it, float16 on others, float32 without one."""


def formats(precision: Precision) -> tuple[bool, bool]:
    """Whether ``Trainer`` shall compute in bfloat16, and whether in float16."""
    if precision != "auto":
        return precision == "bf16", precision == "fp16"
    if not torch.cuda.is_available():
        return False, False
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return native, not native
