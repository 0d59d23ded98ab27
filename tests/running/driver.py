"""A run in a process of its own, to be killed: ``python -m tests.running.driver VIDEOS OUT``."""

from __future__ import annotations

import sys

from panda_hf.clips import explode_clips
from panda_hf.running import curate
from tests.running.fakes import FakeCaption, FakeFrames, FakeSplit, SetAside

STEPS = [FakeSplit(seconds=0.05), explode_clips, SetAside(), FakeFrames(), FakeCaption(seconds=0.02, fails_on=3)]

if __name__ == "__main__":
    print(curate(sys.argv[1], sys.argv[2], steps=STEPS, num_workers=2, videos_per_shard=3, batch_size=2))
