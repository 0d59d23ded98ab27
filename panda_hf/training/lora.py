"""Low-rank updates of a frozen language model (LoRA, arXiv 2106.09685) by peft, merged into it afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from panda_hf.errors import CheckpointError


@dataclass(frozen=True)
class LoRA:
    """Low-rank updates of all linear layers of a language model but the last."""

    rank: int = 16
    alpha: int = 32
    """The update counts ``alpha / rank`` times."""
    dropout: float = 0.05


def add_lora(language_model: Any, lora: LoRA) -> None:
    """Put trainable updates beside the frozen linear layers, in place.

    Raises:
        CheckpointError: when peft is not installed, or finds no layer that it knows.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise CheckpointError("LoRA needs peft. Run pip install 'panda_hf[student]', or train without it.") from error
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules="all-linear", bias="none"
    )
    try:
        inject_adapter_in_model(config, language_model)
    except ValueError as error:
        raise CheckpointError(f"LoRA does not fit a {type(language_model).__name__}: {error}") from error


def merge_lora(language_model: nn.Module) -> None:
    """Add the updates to the layers and take them away: an ordinary language model again, which loads without peft."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(language_model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            language_model.set_submodule(name, module.get_base_layer())
