"""Turn long videos into Hugging Face datasets of captioned clips (the Panda-70M method, whole).

Public names are imported on first use, so that ``import panda_hf`` loads neither torch nor a video library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from panda_hf import torchvision_guard
from panda_hf.models import registration

__version__ = "0.1.0"

# public name -> the module that defines it
_PUBLIC = {
    "Stage": "panda_hf.stage",
    "apply": "panda_hf.stage",
    "explode_clips": "panda_hf.clips",
    "panda_70m": "panda_hf.pipeline",
    "run_steps": "panda_hf.pipeline",
    "Split": "panda_hf.splitting",
    "DetectShots": "panda_hf.splitting",
    "SplitSettings": "panda_hf.splitting",
    "SampleFrames": "panda_hf.captioning",
    "MeasureFrames": "panda_hf.measuring",
    "MaxRunningLPIPS": "panda_hf.measuring",
    "DesirableFiltering": "panda_hf.measuring",
    "Caption": "panda_hf.captioning",
    "Describe": "panda_hf.captioning",
    "describe": "panda_hf.describing",
    "Select": "panda_hf.selection",
    "Subset": "panda_hf.subsets",
    "select_clips": "panda_hf.subsets",
    "push": "panda_hf.publishing.hub",
    "OptOut": "panda_hf.rights",
    "Redact": "panda_hf.rights",
    "MarkHarmful": "panda_hf.rights",
    "Cut": "panda_hf.running",
    "curate": "panda_hf.running",
    "video_rows": "panda_hf.running",
}

if TYPE_CHECKING:
    from panda_hf.captioning import Caption as Caption
    from panda_hf.captioning import Describe as Describe
    from panda_hf.captioning import SampleFrames as SampleFrames
    from panda_hf.clips import explode_clips as explode_clips
    from panda_hf.describing import describe as describe
    from panda_hf.measuring import DesirableFiltering as DesirableFiltering
    from panda_hf.measuring import MaxRunningLPIPS as MaxRunningLPIPS
    from panda_hf.measuring import MeasureFrames as MeasureFrames
    from panda_hf.pipeline import panda_70m as panda_70m
    from panda_hf.pipeline import run_steps as run_steps
    from panda_hf.publishing.hub import push as push
    from panda_hf.rights import MarkHarmful as MarkHarmful
    from panda_hf.rights import OptOut as OptOut
    from panda_hf.rights import Redact as Redact
    from panda_hf.running import Cut as Cut
    from panda_hf.running import video_rows as video_rows
    from panda_hf.running.curate import curate as curate
    from panda_hf.selection import Select as Select
    from panda_hf.splitting import DetectShots as DetectShots
    from panda_hf.splitting import Split as Split
    from panda_hf.splitting import SplitSettings as SplitSettings
    from panda_hf.stage import Stage as Stage
    from panda_hf.stage import apply as apply
    from panda_hf.subsets import Subset as Subset
    from panda_hf.subsets import select_clips as select_clips

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604

torchvision_guard.install()
registration.install()


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'panda_hf' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
