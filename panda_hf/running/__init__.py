"""Run the pipeline over many videos: shards, a manifest, worker processes, resume."""

from panda_hf.running.accounts import Counts, RunSummary
from panda_hf.running.curate import curate
from panda_hf.running.cut import Cut
from panda_hf.running.inputs import Source, video_rows
from panda_hf.running.merge import merge
from panda_hf.running.redo import extend, retry

__all__ = ["Counts", "Cut", "RunSummary", "Source", "curate", "extend", "merge", "retry", "video_rows"]
