"""Curated splits of a dataset of clips: rules, those of the released subsets among them, and what makes them."""

from panda_hf.subsets.column_limit import Limit
from panda_hf.subsets.make import SubsetRecord, make_subset
from panda_hf.subsets.official import OFFICIAL, panda_2m, panda_10m
from panda_hf.subsets.rule import Subset
from panda_hf.subsets.select import select_clips
from panda_hf.subsets.video_ids import VideoIds

__all__ = [
    "OFFICIAL",
    "Limit",
    "Subset",
    "SubsetRecord",
    "VideoIds",
    "make_subset",
    "panda_2m",
    "panda_10m",
    "select_clips",
]
