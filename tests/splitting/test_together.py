"""Probe frames of several videos in the same batches of a model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from panda_hf.errors import VideoError
from panda_hf.splitting import Split
from panda_hf.splitting.embedders import FrameEmbedder, Frames, load_embedder
from panda_hf.splitting.together import BATCH, embed_together

from .films import moving, write


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    sizes = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
    config = CLIPVisionConfig(**sizes, image_size=32, patch_size=8, projection_dim=16)
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    return str(folder)


class Counting(FrameEmbedder):
    """An embedder that notes how many frames each batch had, and whose memory ends at ``most``."""

    def __init__(self, inner: FrameEmbedder, most: int = 1000) -> None:
        self.__dict__ = {**inner.__dict__, "inner": inner, "sizes": [], "most": most}

    def features(self, pixels: torch.Tensor) -> Any:
        self.sizes.append(len(pixels))
        if len(pixels) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return self.inner.features(pixels)


def pictures(count: int, seed: int, height: int = 20) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (count, height, 30, 3)).astype(np.uint8)


def in_lots(frames: Frames, size: int = 4) -> Iterator[Frames]:
    yield from (frames[i : i + size] for i in range(0, len(frames), size))


def test_videos_of_different_sizes_share_full_batches_and_keep_their_features(clip: str):
    embed = Counting(load_embedder(clip))
    videos = [pictures(9, 1), pictures(0, 2), pictures(14, 3, height=40), pictures(3, 4), pictures(21, 5)]
    found = embed_together([in_lots(video) for video in videos], embed)
    assert embed.sizes == [BATCH, BATCH, 47 - 2 * BATCH]
    for video, features in zip(videos, found, strict=True):
        assert isinstance(features, np.ndarray) and len(features) == len(video)
        if len(video):
            np.testing.assert_allclose(features, load_embedder(clip)(video), atol=1e-6)


def test_a_video_that_breaks_off_spoils_no_other(clip: str):
    def broken() -> Iterator[Frames]:
        yield pictures(5, 1)
        raise VideoError("frame 5 is damaged")

    good = pictures(7, 2)
    videos = [broken(), in_lots(good), iter([np.zeros((2, 3), np.uint8)])]
    failed, found, wrong_shape = embed_together(videos, load_embedder(clip))
    assert isinstance(failed, VideoError) and "frame 5" in str(failed)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, load_embedder(clip)(good), atol=1e-6)
    assert isinstance(wrong_shape, Exception)


def test_a_batch_too_big_for_the_memory_is_halved(clip: str):
    embed = Counting(load_embedder(clip), most=5)
    video = pictures(BATCH, 1)
    (found,) = embed_together([in_lots(video)], embed)
    assert isinstance(found, np.ndarray) and max(size for size in embed.sizes if size <= 5) == 4
    np.testing.assert_allclose(found, load_embedder(clip)(video), atol=1e-6)


def test_no_thread_is_left_when_the_model_is_stopped(clip: str):
    class Stopped(Counting):
        def features(self, pixels: torch.Tensor) -> Any:
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        embed_together([in_lots(pictures(60, seed)) for seed in range(5)], Stopped(load_embedder(clip)))
    assert set(threading.enumerate()) <= before


def test_a_later_video_is_decoded_while_the_model_works_on_an_earlier_one(clip: str):
    reached = threading.Event()

    class Slow(Counting):
        def features(self, pixels: torch.Tensor) -> Any:
            assert reached.wait(30), "nothing was decoded meanwhile"
            return super().features(pixels)

    def later() -> Iterator[Frames]:
        reached.set()
        yield pictures(1, 2)

    first, second = embed_together([in_lots(pictures(BATCH, 1), BATCH), later()], Slow(load_embedder(clip)))
    assert len(first) == BATCH and len(second) == 1  # type: ignore[arg-type]


def test_rows_split_together_equal_rows_split_alone(clip: str, tmp_path: Path):
    films = [write(tmp_path / f"{i}.mp4", [moving(i, 40), moving(i + 10, 35)]) for i in range(3)]
    notes = tmp_path / "notes.mp4"
    notes.write_text("not a video")
    paths = [films[0], notes, *films[1:]]
    stage = Split(embedder=clip)
    together = stage({"video": [{"path": str(path), "bytes": None} for path in paths]})
    for i, path in enumerate(paths):
        alone = stage({"video": [{"path": str(path), "bytes": None}]})
        assert {name: values[i : i + 1] for name, values in together.items()} == alone
    assert together["error"][1]["type"] == "VideoError" and together["error"][0] is None
    assert all(together["clips"][i] for i in (0, 2, 3))


def test_every_row_says_that_the_model_is_missing(tmp_path: Path):
    film = write(tmp_path / "film.mp4", [moving(1, 10)])
    out = Split(embedder=str(tmp_path / "none"))({"video": [{"path": str(film), "bytes": None}] * 2})
    assert [error["type"] for error in out["error"]] == ["CheckpointError"] * 2


def test_half_precision_falls_back_where_its_range_is_too_small(clip: str):
    frames = pictures(4, 1)
    expected = load_embedder(clip)(frames)

    def half(gain: float) -> FrameEmbedder:
        model = CLIPVisionModelWithProjection.from_pretrained(clip)
        with torch.no_grad():
            model.visual_projection.weight *= gain
        usual = load_embedder(clip)
        return FrameEmbedder(model, 32, usual._mean.flatten().tolist(), usual._std.flatten().tolist(), "cpu", True)

    near = half(1.0)(frames)
    assert 0 < np.abs(near - expected).max() < 2e-3
    np.testing.assert_allclose(half(8e4)(frames), expected, atol=2e-3)
