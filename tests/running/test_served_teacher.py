"""A whole run with a teacher that a server on loopback plays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from datasets import load_dataset

from panda_hf import schema
from panda_hf.captioning import Caption
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.clips import explode_clips
from panda_hf.errors import EndpointError
from panda_hf.models.release import release_models
from panda_hf.running import curate
from panda_hf.selection import Select
from tests.captioning import chat_server
from tests.captioning.chat_server import Handler, first, status
from tests.running.fakes import FakeFrames, FakeSplit, write_videos


@pytest.fixture(autouse=True)
def no_memory_of_servers():
    release_models()


def steps_of(url: str, *, patience_seconds: float = 20.0) -> list:
    endpoint = Endpoint(url=url, patience_seconds=patience_seconds, concurrency=4)
    served = Caption(teacher="served", family="endpoint", checkpoint="a/model", endpoint=endpoint)
    return [FakeSplit(), explode_clips, FakeFrames(), served, Select(teachers=("served",))]


def run(videos: Path, out: Path, steps: Sequence, workers: int = 0):
    return curate(videos, out, steps=steps, num_workers=workers, progress=False, thumbnails=False, videos_per_shard=1)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_goes_on_where_a_server_refused_it_also_at_another_address(tmp_path: Path, workers: int) -> None:
    videos = write_videos(tmp_path / "videos", a=2, b=3, c=2)
    with chat_server.running() as server:
        server.misbehaviour.append(lambda h, body: len(server.log.requests) > 2 and status(401)(h, body))
        with pytest.raises(EndpointError, match="401"):
            run(videos, tmp_path / "out", steps_of(server.url), workers)
    with chat_server.running() as server:
        summary = run(videos, tmp_path / "out", steps_of(server.url, patience_seconds=9.0), workers)
        # In one process the first two answers were for video a, whose shard was committed before the key was refused.
        assert len(server.log.requests) == 5 or workers
    assert (summary.videos.kept, summary.clips.kept) == (3, 7)
    train = load_dataset(str(tmp_path / "out"), split="train")
    assert sorted(train["clip_id"]) == ["a.0", "a.1", "b.0", "b.1", "b.2", "c.0", "c.1"]
    assert set(train["caption"]) == {"nothing in 3 pictures."}
    assert train.features["caption_tokens"] == schema.CAPTION_NOTES["caption_tokens"]
    assert all(note["written"] > 0 for (note,) in train["caption_tokens"])


def test_a_server_that_stumbles_through_a_run_loses_no_row(tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "videos", a=6, b=6)
    arrival = count(1)  # four come at once: each takes its own number

    def refuses(handler: Handler, body: dict) -> bool:
        return next(arrival) == 7 and status(400, {"message": "too long"})(handler, body)

    with chat_server.running() as server:
        server.misbehaviour += [refuses, first(3, status(429, Retry_After="0.2")), first(2, status(200, b"{"))]
        summary = run(videos, tmp_path / "out", steps_of(server.url))
    assert (summary.clips.kept, summary.clips.failed) == (11, 1)
    (lost,) = load_dataset(str(tmp_path / "out"), split="failed")
    assert lost["error"]["stage"] == "Select" and "too long" in lost["error"]["message"]
    assert lost["caption_errors"][0]["teacher"] == "served"
