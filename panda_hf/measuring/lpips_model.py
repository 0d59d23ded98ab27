"""The perceptual distance LPIPS: where the weights of its backbone come from, and distances along a row of frames."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from panda_hf.errors import CheckpointError
from panda_hf.models.release import kept

Backbone = Literal["alex", "vgg", "squeeze"]
Frames = NDArray[np.uint8]
RANDOM = "random"
"""In place of weights: a backbone that learned nothing, always the same one."""

FILES = {"alex": "alexnet-owt-7be5be79.pth", "vgg": "vgg16-397923af.pth", "squeeze": "squeezenet1_1-b8a52dc0.pth"}
"""What torchvision calls the weights of each backbone, in its cache and on its server."""

MODELS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
SEED = 0
LEAST_SIDE, MOST_SIDE = 64, 224
"""Frames are scaled to a shorter side in this range: a backbone sees nothing in smaller ones."""


def weights_file(backbone: Backbone, weights: str | None) -> Path | None:
    """The file with the backbone's weights; ``None`` for random ones. Nothing is ever downloaded.

    Args:
        backbone: which one.
        weights: a file (torchvision's, or its tensors as ``.safetensors``), or ``random``; ``None``: the file that
            torchvision keeps in its cache once it has loaded the model.

    Raises:
        CheckpointError: when there is none, or ``lpips`` is not installed; it says what to do.
    """
    _require_lpips()
    if weights == RANDOM:
        return None
    if weights is not None:
        if not Path(weights).is_file():
            raise CheckpointError(f"there is no file {weights!r} with the weights of LPIPS' backbone {backbone!r}")
        return Path(weights)
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / FILES[backbone]
    if not path.is_file():
        name = MODELS[backbone]
        raise CheckpointError(
            f"LPIPS needs the ImageNet weights of {name}, which the lpips package does not hold, and {path} does not "
            f'exist; nothing is downloaded unasked. Fetch them once where there is a network (python -c "import '
            f"torchvision; torchvision.models.{name}(weights='IMAGENET1K_V1')\"), or name a file {FILES[backbone]} as "
            f"weights, or take weights='{RANDOM}': a backbone that learned nothing, whose distances are no LPIPS and "
            f"compare with nothing but themselves."
        )
    return path


def described(backbone: Backbone, weights: str | None) -> dict[str, str]:
    """What a record should say: the backbone, its weights by hash, the version of the package."""
    path = weights_file(backbone, weights)
    digest = "random, seed 0, without the package's heads: no LPIPS" if path is None else _digest(path)
    return {"backbone": MODELS[backbone], "weights": digest, "lpips": _require_lpips()}


@kept
def load_lpips(
    backbone: Backbone, weights: str | None, device: str = "cpu"
) -> Callable[[Frames], NDArray[np.float32]]:
    """The distances between frames that follow each other: uint8 RGB [n, h, w, 3] in, [n - 1] out.

    Each frame goes through the backbone once. With real weights these are the distances of ``lpips.LPIPS`` with its
    trained heads (version 0.1); with random ones all channels count alike.

    Raises:
        CheckpointError: see :func:`weights_file`; also when the file is another model's.
    """
    path = weights_file(backbone, weights)
    import lpips
    import torch

    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # lpips asks torchvision in its old words
        torch.manual_seed(SEED)
        model: Any = lpips.LPIPS(
            net=backbone, lpips=path is not None, pretrained=path is not None, pnet_rand=True, verbose=False
        )
    if path is not None:
        _fill(model.net, path)
    model = model.to(device).eval()

    def distances(frames: Frames) -> NDArray[np.float32]:
        with torch.inference_mode():
            pixels = _pixels(torch.from_numpy(np.array(frames)).to(device))
            total = torch.zeros(len(frames) - 1, device=device)
            for layer, found in enumerate(model.net(model.scaling_layer(pixels))):
                unit = lpips.normalize_tensor(found)
                apart = (unit[1:] - unit[:-1]) ** 2
                weighted = model.lins[layer](apart) if path is not None else apart.sum(1, keepdim=True)
                total += weighted.mean((1, 2, 3))
            return total.cpu().numpy()

    return distances


def _pixels(frames: Any) -> Any:
    """Float [n, 3, h, w] in [-1, 1], the shorter side within its range."""
    import torch

    pixels = frames.permute(0, 3, 1, 2).float() / 127.5 - 1
    short = min(pixels.shape[2:])
    scale = min(max(short, LEAST_SIDE), MOST_SIDE) / short
    if scale == 1:
        return pixels
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[2:])
    return torch.nn.functional.interpolate(pixels, size, mode="bilinear", antialias=True)


def _fill(net: Any, path: Path) -> None:
    """Put torchvision's tensors where ``lpips`` keeps them: it cuts ``features`` into slices, the numbers stay."""
    state = _read(path)
    wanted = {name: f"features.{name.partition('.')[2]}" for name in net.state_dict()}
    missing = [name for name in wanted.values() if name not in state]
    if not missing:
        try:
            net.load_state_dict({name: state[source] for name, source in wanted.items()})
            return
        except RuntimeError as error:
            missing = [str(error).splitlines()[-1].strip()]
    raise CheckpointError(
        f"{path} does not hold the weights of this backbone of LPIPS: {missing[0]} is not as expected"
    )


def _read(path: Path) -> Any:
    import torch
    from safetensors.torch import load_file

    try:
        return load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file makes of the two readers
        raise CheckpointError(f"{path} cannot be read as weights: {error}. Fetch the file again.") from error


def _require_lpips() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lpips")
    except PackageNotFoundError as error:
        raise CheckpointError("LPIPS is measured with the package lpips: pip install 'panda_hf[metrics]'") from error


@functools.cache
def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
