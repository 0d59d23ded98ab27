"""Measures of clips: stages that append numbers and labels, by which clips are chosen later."""

from panda_hf.measuring.desirable import DesirableFiltering
from panda_hf.measuring.frames import MeasureFrames
from panda_hf.measuring.running_lpips import MaxRunningLPIPS

__all__ = ["DesirableFiltering", "MaxRunningLPIPS", "MeasureFrames"]
