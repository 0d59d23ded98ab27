"""Step 1: from a long video to the stretches that become clips."""

from panda_hf.splitting.detect import DetectShots
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.split import Split

__all__ = ["DetectShots", "Split", "SplitSettings"]
