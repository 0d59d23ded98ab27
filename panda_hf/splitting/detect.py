"""`DetectShots`: the shots inside clips that come from elsewhere, as the release's column tells them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from datasets import Features, List

from panda_hf import schema
from panda_hf.errors import VideoError
from panda_hf.splitting.scan import scan_video
from panda_hf.splitting.settings import DEFAULT, SplitSettings
from panda_hf.splitting.split import shots_within
from panda_hf.splitting.transnet import described, weights_file
from panda_hf.stage import Batch, Failure, Row, Stage
from panda_hf.video import VideoLike


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectShots(Stage):
    """Append `shot_boundary_detection`: the shots inside a clip, in seconds from its start; one says there is no cut.

    Clips that ``Split`` made have the column already, from the same look at the video; this is for datasets of others,
    such as the released one once its videos are there. The release used TransNetV2; this is the detector of
    :class:`SplitSettings`. Black between shots belongs to none. A video is looked at once for all of its clips in a
    batch, which ``rows_at_once`` makes large.
    """

    version: int = 4

    settings: SplitSettings = DEFAULT
    """Which detector; lengths and distances of the settings do not matter."""

    threads: int | None = 1
    """Decoding threads; ``None``: every core."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The video and where the clip is in it."""
        return ("video", "start", "end")

    @property
    def rows_at_once(self) -> int:
        """Enough that the clips of a video mostly meet."""
        return 64

    @property
    def appends(self) -> Features:
        """The column ``shot_boundary_detection``."""
        return Features({"shot_boundary_detection": List(schema.SPAN)})

    def check(self) -> None:
        """Raise ``CheckpointError`` where a learned detector is asked for that is not installed."""
        if self.settings.gradual == "learned":
            weights_file()

    def provenance(self) -> Row:
        """The weights of the learned detector, where one is used."""
        return described() if self.settings.gradual == "learned" else {}

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """The shots of each clip; clips of a video that cannot be read, or outside it, become failures."""
        found: dict[str, list[dict[str, float]] | Failure] = {}
        shots: list[Any] = []
        for video, start, end in zip(batch["video"], batch["start"], batch["end"], strict=True):
            name = _name(video)
            if name not in found:
                found[name] = self._shots(video)
            whole = found[name]
            shots.append(whole if isinstance(whole, Failure) else _inside(start, end, whole))
        return {"shot_boundary_detection": shots}

    def _shots(self, video: VideoLike) -> list[dict[str, float]] | Failure:
        try:
            scan = scan_video(video, self.settings, describe_probes=False, threads=self.threads)
        except Exception as error:  # the rows become error rows
            return Failure.of(error)
        clock = scan.clock
        return [{"start": clock.seconds(start), "end": clock.seconds(end)} for start, end in scan.shots]


def _inside(start: float, end: float, shots: list[dict[str, float]]) -> list[dict[str, float]] | Failure:
    if not start < end:
        return Failure.of(VideoError(f"the clip runs from {start} s to {end} s; expected start < end"))
    return shots_within({"start": start, "end": end}, shots)


def _name(video: Any) -> str:
    if isinstance(video, dict) and video.get("bytes") is not None:
        return f"bytes {hash(video['bytes'])}"
    return json.dumps(video["path"] if isinstance(video, dict) else str(video))
