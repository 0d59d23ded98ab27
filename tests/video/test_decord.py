"""Sampling with decord: the same frames as PyAV, or an error that says what to do instead."""

from __future__ import annotations

import importlib.metadata
import random

import numpy as np
import pytest

from panda_hf.errors import VideoError
from panda_hf.video import sample_frames
from panda_hf.video.backends.decord import load_decord
from tests.video.films import B_FRAMES, LONG_GOP, number_of

DIFFERENT_COLOURS = 2.0  # grey levels in the mean: decoders convert colours slightly differently


@pytest.fixture
def decord():
    pytest.importorskip("decord")
    return load_decord()


@pytest.mark.parametrize("name, options", [("b_frames.mp4", B_FRAMES), ("b_frames.mkv", B_FRAMES)])
def test_decord_finds_the_frames_that_pyav_finds(decord, film, name, options):
    path = film(name, count=120, options=options)
    times = [random.Random(name).uniform(0, 4.8) for _ in range(40)] + [0.0, 4.76, 9.0]
    ours = sample_frames(path, times, threads=1)
    theirs = sample_frames(path, times, backend="decord", threads=1)
    differences = np.abs(ours.astype(int) - theirs).mean(axis=(1, 2, 3))
    assert differences.max() <= DIFFERENT_COLOURS


def test_decord_finds_every_frame_between_distant_key_frames(decord, film):
    path = film("long_gop.mp4", count=400, options=LONG_GOP)
    wanted = random.Random(0).sample(range(400), 60)
    sampled = sample_frames(path, [(i + 0.3) / 25 for i in wanted], backend="decord", threads=1)
    assert [number_of(rgb) for rgb in sampled] == wanted


def test_decord_reads_bytes_and_scales(decord, film):
    path = film("b_frames.mp4", count=120, options=B_FRAMES)
    sampled = sample_frames(path.read_bytes(), [2.0, 1.0], size=(48, 84), backend="decord", threads=1)
    assert sampled.shape == (2, 48, 84, 3)
    assert [number_of(rgb) for rgb in sampled] == [50, 25]


def test_decord_refuses_containers_whose_timestamps_it_gets_wrong(decord, film):
    path = film("b_frames.avi", count=120, options=B_FRAMES)
    with pytest.raises(VideoError, match="no right timestamps in this container. Use backend='pyav'"):
        sample_frames(path, [1.0], backend="decord")


def test_decord2_is_never_used(film, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "3.4.0")
    with pytest.raises(VideoError, match="decord2 is installed; it returned wrong frames"):
        sample_frames(film("b_frames.mp4", count=120, options=B_FRAMES), [1.0], backend="decord")


def test_a_missing_decord_says_how_to_get_it(film, monkeypatch):
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(VideoError, match="not installed.*panda_hf.decord.*backend='pyav'"):
        sample_frames(film("b_frames.mp4", count=120, options=B_FRAMES), [1.0], backend="decord")


def test_an_unknown_backend_is_named_beside_those_that_exist(film):
    with pytest.raises(ValueError, match="backend='decord2' is unknown; choose one of .*'pyav', 'decord'"):
        sample_frames(film("b_frames.mp4", count=120, options=B_FRAMES), [1.0], backend="decord2")
