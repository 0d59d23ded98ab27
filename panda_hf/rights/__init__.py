"""What people may ask of a dataset: to be left out of it, not to be named in it, not to be insulted by it."""

from panda_hf.rights.opt_out import REASON, OptOut, video_key

__all__ = ["REASON", "OptOut", "video_key"]
