"""What the processor does to frames and captions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from panda_hf.models.umt.processing_umt import clean_text, pick_frames, resize_frames
from tests.models.umt_sizes import tiny_processor

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.mark.parametrize(
    ("available", "wanted", "expected"),
    [
        (8, 4, [1, 3, 5, 7]),  # middles 1, 3, 5, 7 of intervals two frames long
        (12, 4, [1, 4, 7, 10]),
        (3, 3, [0, 1, 2]),
        (2, 5, [0, 1, 1, 1, 1]),
        (9, 1, [4]),
    ],
)
def test_frames_are_the_middles_of_equal_intervals_and_the_last_is_repeated(available, wanted, expected):
    assert pick_frames(available, wanted) == expected


def test_captions_are_cleaned():
    raw = 'The "Red" ball, (it\'s big)  rolls -- left/right; #1: *wow*!?~ .'
    assert clean_text(raw) == "the red ball its big rolls left right 1 wow"


def test_frames_of_the_right_size_are_only_normalised():
    frames = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    pixels = tiny_processor()(videos=[frames])["pixel_values"]
    assert pixels.shape == (1, 2, 3, 16, 16) and pixels.dtype == torch.float32
    np.testing.assert_allclose(pixels[0].numpy(), ((frames / 255 - MEAN) / STD).transpose(0, 3, 1, 2), atol=1e-6)


def test_resizing_is_bicubic_and_ignores_the_aspect():
    smooth = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    image = Image.fromarray(smooth).resize((80, 48), Image.Resampling.BICUBIC)
    pixels = tiny_processor(num_frames=1)(videos=[np.asarray(image)[None]])["pixel_values"]
    expected = np.asarray(image.resize((16, 16), Image.Resampling.BICUBIC)) / 255
    found = pixels[0, 0].numpy().transpose(1, 2, 0) * STD + MEAN
    assert np.abs(found - expected).max() < 2.5 / 255  # Pillow rounds between its two passes


def test_videos_of_different_sizes_make_one_batch():
    videos = [np.zeros((3, 20, 40, 3), np.uint8), np.full((1, 16, 16, 3), 255, np.uint8)]
    assert tiny_processor()(videos=videos)["pixel_values"].shape == (2, 2, 3, 16, 16)


def test_what_is_prepared_together_is_what_is_prepared_alone():
    rng = np.random.default_rng(3)
    videos = [
        rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((5, 33, 47, 3), (1, 90, 20, 3), (2, 16, 16, 3))
    ]
    captions = ["a red ball", "The ball rolls to the left.", "the box " * 20, ""]
    processor = tiny_processor()
    together = processor(videos=videos, text=captions)
    alone = [processor(videos=[video])["pixel_values"] for video in videos]
    assert torch.equal(together["pixel_values"], torch.cat(alone))
    words = [processor(text=[caption]) for caption in captions]
    for name in ("input_ids", "attention_mask"):
        assert torch.equal(together[name], torch.cat([one[name] for one in words]))


def test_resizing_one_frame_at_a_time_is_resizing_them_at_once():
    frames = np.random.default_rng(4).integers(0, 256, (3, 40, 56, 3), dtype=np.uint8)
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    at_once = F.interpolate(pixels, size=(16, 16), mode="bicubic", antialias=True).round().clamp(0, 255)
    mean, std = torch.tensor(MEAN).float().view(3, 1, 1), torch.tensor(STD).float().view(3, 1, 1)
    frames.flags.writeable = False  # as frames out of a pack are
    assert np.array_equal(resize_frames(frames, 16), at_once.byte().permute(0, 2, 3, 1).numpy())
    assert torch.equal(tiny_processor(num_frames=3).prepare_video(frames), (at_once / 255 - mean) / std)


def test_captions_are_padded_to_the_full_length_and_long_ones_cut():
    tokens = tiny_processor()(text=["a red ball", "the ball " * 20])
    assert tokens["input_ids"].shape == (2, 12)
    assert tokens["attention_mask"].sum(dim=1).tolist() == [5, 12]
    assert tokens["input_ids"][1, -1] == 3  # the closing token survives the cut


@pytest.mark.parametrize(
    "frames", [np.zeros((0, 4, 4, 3), np.uint8), np.zeros((2, 4, 4, 3), np.float32), np.zeros((4, 4, 3), np.uint8)]
)
def test_other_things_than_uint8_frames_are_refused(frames):
    with pytest.raises(ValueError, match="frames must be uint8"):
        tiny_processor()(videos=[frames])
