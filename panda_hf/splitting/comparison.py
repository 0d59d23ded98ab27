"""Our shot boundaries and PySceneDetect's beside hand-labelled ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from panda_hf.splitting.scan import scan_video
from panda_hf.splitting.scoring import Agreement, label_of_stream, score_boundaries, truth_of
from panda_hf.splitting.settings import Preset, SplitSettings

OURS: tuple[Preset, ...] = ("default", "panda70m")
PEERS = ("ContentDetector", "AdaptiveDetector")
METHODS = tuple(f"panda_hf {preset}" for preset in OURS) + tuple(f"PySceneDetect {name}" for name in PEERS)


def compare(video: Path, label: dict[str, Any], tolerance: float) -> dict[str, Agreement]:
    """How each method does on one labelled video.

    PySceneDetect reads the file itself with its default backend, OpenCV. Of several video streams that may be another
    one than ours; each reader is held against the labels of the stream it reads.

    Args:
        video: the labelled file.
        label: its entry of the labels file.
        tolerance: seconds that a boundary may be off.
    """
    found = {}
    for preset, method in zip(OURS, METHODS, strict=False):
        scan = scan_video(str(video), SplitSettings.preset(preset), describe_probes=False)
        of_stream = label_of_stream(label, scan.info.width, scan.info.height)
        found[method] = score_boundaries(scan.boundaries(), truth_of(of_stream, scan.clock.times), tolerance)
    for peer, method in zip(PEERS, METHODS[len(OURS) :], strict=True):
        boundaries, (width, height), fps = detect_with_peer(str(video), peer)
        of_stream = label_of_stream(label, width, height)
        times = [frame / fps for frame in range(of_stream["n_frames"])]
        found[method] = score_boundaries(boundaries, truth_of(of_stream, times), tolerance)
    return found


def detect_with_peer(video: str, detector: str) -> tuple[Sequence[float], tuple[int, int], float]:
    """What PySceneDetect makes of a file by itself: boundaries in seconds, (width, height), frame rate.

    Args:
        video: path.
        detector: name of a detector class; it runs with its own defaults, on PySceneDetect's own downscaled frames.
    """
    import scenedetect

    stream = scenedetect.open_video(video)
    manager = scenedetect.SceneManager()
    manager.add_detector(getattr(scenedetect, detector)())
    manager.detect_scenes(stream)
    scenes = manager.get_scene_list()
    return [start.seconds for start, _ in scenes[1:]], stream.frame_size, float(stream.frame_rate)
