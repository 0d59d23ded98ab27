"""How a checkpoint is put on a device: number format, spread over devices, quantisation."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

DType = Literal["auto", "float32", "float16", "bfloat16"]
Setting = str | int | float | bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loading:
    """Settings of loading, hashable as all settings of a stage are.

    Example::

        Caption(teacher="qwen3_vl_4b", loading=Loading(quantization=(("load_in_4bit", True),)))
        Caption(teacher="blip2_opt_6_7b", loading=Loading(dtype="float16", device_map="auto"))
    """

    dtype: DType = "auto"
    """``auto``: float32 on a CPU; on a GPU bfloat16, or float16 where its hardware has no bfloat16."""
    device_map: str | tuple[tuple[str, str | int], ...] | None = None
    """As in transformers: ``auto`` spreads a model over all GPUs, pairs of module and device place it by hand;
    ``None``: all of it on the device of this process."""
    quantization: tuple[tuple[str, Setting], ...] = ()
    """A quantisation config of transformers as pairs, such as ``(("load_in_8bit", True),)`` or
    ``(("quant_method", "hqq"), ("nbits", 4))``; the library that does it must be installed."""
    attention: str | None = None
    """Implementation of attention, such as ``sdpa`` or ``flash_attention_2``; ``None``: what transformers takes."""
    unexpected: Literal["refuse", "ignore"] = "refuse"
    """What to do with a checkpoint that holds weights for which the model has no place. Missing ones are refused
    always."""
    trust_remote_code: bool = False
    """Run the Python code that a Hub repository brings. It can do anything that you can: only for repositories that
    you trust, and then pin ``revision``."""

    @property
    def placed(self) -> bool:
        """Whether transformers puts the weights in their place while it loads them."""
        return self.device_map is not None or bool(self.quantization)

    def arguments(self, device: str) -> dict[str, Any]:
        """The keywords for ``from_pretrained`` of a model that shall run on ``device`` (``cpu``, ``cuda:0``)."""
        from transformers.quantizers import AutoQuantizationConfig

        found: dict[str, Any] = {"dtype": self.torch_dtype(device), "trust_remote_code": self.trust_remote_code}
        if self.placed:
            spread = self.device_map
            found["device_map"] = (
                {"": device} if spread is None else spread if isinstance(spread, str) else dict(spread)
            )
        if self.quantization:
            found["quantization_config"] = AutoQuantizationConfig.from_dict(dict(self.quantization))
        if self.attention:
            found["attn_implementation"] = self.attention
        return found

    def torch_dtype(self, device: str) -> Any:
        """The number format of the weights on ``device``."""
        import torch

        if self.dtype != "auto":
            return getattr(torch, self.dtype)
        if not device.startswith("cuda"):
            return torch.float32
        with torch.cuda.device(device):
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
