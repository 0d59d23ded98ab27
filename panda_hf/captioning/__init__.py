"""Step 2: sample the frames of each clip once, and let several teachers write a candidate caption from them."""

from panda_hf.captioning.caption import Caption
from panda_hf.captioning.describe import Describe
from panda_hf.captioning.frames import SampleFrames

__all__ = ["Caption", "Describe", "SampleFrames"]
