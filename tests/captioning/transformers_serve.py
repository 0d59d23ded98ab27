"""`transformers serve` as `python -m`: where torchvision came without its image library, Pillow reads the pictures."""

from __future__ import annotations

import io
import sys
from typing import Any

import panda_hf  # noqa: F401  its torchvision guard must be armed before transformers is imported


def mend_pictures() -> None:
    import numpy as np
    import torch
    import torchvision.io
    from PIL import Image

    def decode_image(data: torch.Tensor, mode: Any = None, **more: Any) -> torch.Tensor:
        picture = Image.open(io.BytesIO(data.numpy().tobytes())).convert("RGB")
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)

    try:
        from torchvision.io.image import _assert_has_image_ops

        _assert_has_image_ops()
    except RuntimeError:
        torchvision.io.decode_image = decode_image


if __name__ == "__main__":
    from transformers.cli.transformers import main

    mend_pictures()
    sys.argv = ["transformers", "serve", *sys.argv[1:]]
    main()
