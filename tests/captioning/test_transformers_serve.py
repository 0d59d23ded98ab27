"""The endpoint teacher against `transformers serve`, a process of its own that is killed and started again."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from datasets import Dataset, Features

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.errors import EndpointError
from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film
from panda_hf.mini.score import clip_rows_of
from panda_hf.models.checkpoints import resolve
from panda_hf.models.release import release_models
from panda_hf.stage import apply
from tests.captioning.test_endpoint import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("fastapi", "openai", "uvicorn")),
        reason="`transformers serve` needs transformers[serving]",
    ),
]
ROOT = Path(__file__).resolve().parents[2]
MODEL = resolve("mini/video")


class Serve:
    """The server on its port; `start` returns when it answers."""

    def __init__(self, log: Path) -> None:
        self.port, self.log, self.answers_since = free_port(), log, 0.0
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.captioning.transformers_serve", MODEL, "--device", "cpu"]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self.port)],
            cwd=ROOT,
            env=environment,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
        )
        latest = time.monotonic() + 200
        while time.monotonic() < latest and self.process.poll() is None:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/health").raise_for_status()
                self.answers_since = time.monotonic()
                return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise AssertionError(self.log.read_text()[-3000:])

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    server = Serve(tmp_path_factory.mktemp("serve") / "log.txt")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Dataset:
    folder = tmp_path_factory.mktemp("films")
    pairs = [pair for seed in (200, 201) for pair in clip_rows_of(write_film(make_film(seed, "test"), folder))]
    rows = Dataset.from_list([row for row, _ in pairs], features=Features(schema.CLIP_ROW))
    return apply(rows, SampleFrames())


def served(serve: Serve, model: str = MODEL, **settings) -> Caption:
    url = f"http://127.0.0.1:{serve.port}/v1"
    endpoint = Endpoint(url=url, concurrency=3, patience_seconds=250.0, jpeg_quality=100)
    return Caption(teacher="served", family="endpoint", checkpoint=model, endpoint=endpoint, **settings)


@pytest.mark.timeout(600)
def test_a_served_model_writes_what_it_writes_here(serve, clips):
    here = apply(clips, Caption(teacher="mini_video", num_beams=1))["caption_mini_video"][:]
    done = apply(clips, served(serve, max_new_tokens=40), batch_size=len(clips))
    there = done["caption_served"][:]
    # JPEG moves pixels a little, so a few captions of a narrow choice may differ.
    assert sum(a == b for a, b in zip(here, there, strict=True)) >= 0.7 * len(clips)
    assert all(entry["prompt"] > 8 * 16 and entry["written"] > 3 for (entry,) in done["caption_tokens"])


@pytest.mark.timeout(900)
def test_a_killed_and_restarted_server_costs_no_caption(serve, clips):
    stage = served(serve, max_new_tokens=40, sees=("image",))
    before = apply(clips, stage, batch_size=len(clips))["caption_served"][:]
    release_models()

    def kill_and_restart() -> None:
        time.sleep(0.3)
        serve.kill()
        serve.start()

    trouble = threading.Thread(target=kill_and_restart)
    trouble.start()
    rows = {column: clips[column][:] for column in clips.column_names}
    after = stage(rows)
    finished = time.monotonic()
    trouble.join()
    assert finished > serve.answers_since  # some clips were still waiting when it came back
    assert after["caption_served"] == before and after["caption_errors"] == [[]] * len(clips)


@pytest.mark.timeout(600)
def test_a_model_that_is_not_served_ends_the_run(serve, clips):
    release_models()
    rows = {column: clips[column][:] * 4 for column in clips.column_names}
    with pytest.raises(EndpointError, match="nobody/there"):
        served(serve, "nobody/there")(rows)
