"""The `Split` stage: find shots, stitch them, and say which stretches of a video become clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from datasets import Features as Columns

from panda_hf import schema
from panda_hf.errors import CheckpointError
from panda_hf.models.devices import device_of
from panda_hf.splitting.collect import Clock, Scan
from panda_hf.splitting.embedders import DESCRIPTOR, Features, Frames, load_embedder
from panda_hf.splitting.scan import scan_video
from panda_hf.splitting.settings import DEFAULT, PANDA70M, SplitSettings
from panda_hf.splitting.stitching import Dropped, Stitched, Stretch, stitch
from panda_hf.splitting.together import embed_together, frames_at
from panda_hf.splitting.transnet import described, weights_file
from panda_hf.stage import Batch, Failure, Resources, Row, Stage, run_rows
from panda_hf.video import VideoLike

Span = dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split(Stage):
    """Append `clips` (start, end, shots inside), `shots`, `dropped` with reasons, and what the video is.

    Paper section 3.1 and appendix A. All times are presentation seconds that lie on frames; the end of a clip is when
    the first frame after it is shown. Clips, dropped stretches and nothing else make up the video. `shots` are those
    that the detector found; pieces of a forced cut are not told apart.
    """

    version: int = 19

    settings: SplitSettings | None = None
    """The rules; ``None``: the preset ``default`` for the descriptor, ``panda70m`` for a model."""

    embedder: str = DESCRIPTOR
    """What compares frames: ``descriptor``, or a vision model of transformers by Hub id or path."""

    threads: int | None = 1
    """Decoding threads for each video; ``None``: every core. One is cheapest where many processes run."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The encoded video."""
        return ("video",)

    @property
    def appends(self) -> Columns:
        """``schema.SPLIT_COLUMNS``."""
        return schema.SPLIT_COLUMNS

    @property
    def resources(self) -> Resources:
        """A core to decode with; a vision model that stitches takes a quarter of a GPU beside it."""
        return Resources(num_gpus=0.0 if self.embedder == DESCRIPTOR else 0.25)

    @property
    def rules(self) -> SplitSettings:
        """The settings in force."""
        return self.settings or (DEFAULT if self.embedder == DESCRIPTOR else PANDA70M)

    def check(self) -> None:
        """Raise ``CheckpointError`` where a learned detector is asked for that is not installed."""
        if self.rules.gradual == "learned":
            weights_file()

    def provenance(self) -> Row:
        """The weights of the learned detector, where one is used."""
        return described() if self.rules.gradual == "learned" else {}

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """Split each video; one that cannot be read becomes a failure.

        With a model as embedder the probe frames of all videos go through it together, while threads look at the
        videos that follow.
        """
        columns = tuple(schema.SPLIT_COLUMNS)
        if self.embedder == DESCRIPTOR:
            return run_rows(self._row, batch, columns)
        scans: dict[int, Scan] = {}
        probes = [self._probes(video, number, scans) for number, video in enumerate(batch["video"])]
        try:
            found = embed_together(probes, load_embedder(self.embedder, device_of(rank)))
        except CheckpointError as error:  # the rows become error rows
            return dict.fromkeys(columns, [Failure.of(error)] * len(probes))

        def row_of(row: Row) -> Row:
            features = found[row["number"]]
            if isinstance(features, Exception):
                raise features
            return self._stitched(scans[row["number"]], features)

        return run_rows(row_of, {"number": list(range(len(probes)))}, columns)

    def _row(self, row: Row) -> Row:
        scan = scan_video(row["video"], self.rules, threads=self.threads)
        assert scan.features is not None
        return self._stitched(scan, scan.features)

    def _probes(self, video: VideoLike, number: int, scans: dict[int, Scan]) -> Iterator[Frames]:
        """Look at a video, keep what was seen, and give its probe frames."""
        scans[number] = scan_video(video, self.rules, describe_probes=False, threads=self.threads)
        yield from frames_at(video, scans[number].probe_times, self.threads)

    def _stitched(self, scan: Scan, features: Features) -> Row:
        return as_row(scan, stitch(scan.pieces, features, scan.clock.rate, self.rules))


def as_row(scan: Scan, stitched: Stitched) -> Row:
    """The columns ``schema.SPLIT_COLUMNS`` of one video."""
    clock, info = scan.clock, scan.info
    black = [Dropped(*stretch, "black") for stretch in scan.black]
    gradual = [Dropped(*stretch, "transition") for stretch in scan.gradual]
    dropped = sorted([*stitched.dropped, *black, *gradual], key=lambda drop: (drop.start, drop.end))
    shots = _spans(scan.shots, clock)
    return {
        "duration": clock.end,
        "fps": info.fps or len(clock.times) / clock.end,
        "width": info.width,
        "height": info.height,
        "shots": shots,
        "clips": [
            {**clip, "shot_boundary_detection": shots_within(clip, shots)} for clip in _spans(stitched.clips, clock)
        ],
        "dropped": [
            {**span, "reason": drop.reason} for drop in dropped for span in _spans([(drop.start, drop.end)], clock)
        ],
        "warning": scan.warning,
    }


def shots_within(clip: Span, shots: list[Span]) -> list[Span]:
    """The parts of ``shots`` inside a clip, in seconds from the clip's start."""
    start, end = clip["start"], clip["end"]
    return [
        {"start": round(max(shot["start"], start) - start, 6), "end": round(min(shot["end"], end) - start, 6)}
        for shot in shots
        if shot["start"] < end and shot["end"] > start
    ]


def _spans(stretches: list[Stretch] | tuple[Stretch, ...], clock: Clock) -> list[Span]:
    """Stretches in seconds, without those that hold no frame (possible where the frame rate varies)."""
    spans = [{"start": clock.seconds(start), "end": clock.seconds(end)} for start, end in stretches]
    return [span for span in spans if span["end"] > span["start"]]
