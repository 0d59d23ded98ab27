"""Everything that touches encoded video: probe, decode, sample, cut. All times are presentation seconds.

Times are on the player's timeline: timestamps less the container's start time, so that ordinary files start at 0.
Rotation is applied. Of several video streams the one that ffmpeg would play is used. Importing this package loads
PyAV and NumPy only.
"""

from panda_hf.video.cut import CutClip, cut_clip
from panda_hf.video.cut_many import cut_clips
from panda_hf.video.frames import Frame, FrameReader
from panda_hf.video.pack import pack_frames, unpack_frames
from panda_hf.video.playable import playable_suffix
from panda_hf.video.probe import VideoInfo, probe
from panda_hf.video.sample import Backend, sample_frames
from panda_hf.video.source import VideoLike, by_reference

__all__ = [
    "Backend",
    "CutClip",
    "Frame",
    "FrameReader",
    "VideoInfo",
    "VideoLike",
    "by_reference",
    "cut_clip",
    "cut_clips",
    "pack_frames",
    "playable_suffix",
    "probe",
    "sample_frames",
    "unpack_frames",
]
