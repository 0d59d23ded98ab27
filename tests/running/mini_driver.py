"""The whole pipeline in a process of its own, to be killed: ``python -m tests.running.mini_driver FILMS OUT``."""

from __future__ import annotations

import sys

from panda_hf.running import curate

if __name__ == "__main__":
    print(curate(sys.argv[1], sys.argv[2], num_workers=2, videos_per_shard=1, export_clips=True))
