"""Whether `Split` gives the clips that it gives if it decodes every frame, and how many frames it decodes for them.

    python benchmarks/clips.py VIDEO_OR_FOLDER ...    # any videos of yours; labels are not needed
    python benchmarks/clips.py miniature FOLDER       # the film of the miniature that benchmarks/split.py makes, too

Two clips are the same if they overlap by four fifths of what they cover together. For each video: clips if every frame
is decoded, by default, the same; the share of the frames that were decoded by default (some of them twice); and the
clips that only one of the two gives, in seconds, with the reason for which the other dropped most of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAME = 0.8

Span = dict[str, Any]


def videos(names: list[str]) -> Iterator[Path]:
    """The videos that are meant: files, all below folders, and the film of the miniature."""
    import split

    from panda_hf.running.files import find_videos

    for name in names:
        path = split.long_film(name) if name == "miniature" else Path(name)
        yield from map(Path, find_videos(path)) if path.is_dir() else [path]


def split_by(effort: str, path: Path) -> dict[str, Any]:
    """The row of one video."""
    from panda_hf import Split, SplitSettings

    row = Split(settings=SplitSettings(effort=effort))({"video": [str(path)]})
    return {column: values[0] for column, values in row.items()}


def share_decoded(path: Path) -> float:
    """Frames decoded by default, of those there are."""
    from panda_hf import SplitSettings
    from panda_hf.splitting.scan import scan_video

    scan = scan_video(str(path), SplitSettings())
    return scan.decoded / len(scan.clock.times)


def common(one: Span, two: Span) -> float:
    """What two spans share, of what they cover together."""
    shared = max(0.0, min(one["end"], two["end"]) - max(one["start"], two["start"]))
    return shared / (one["end"] - one["start"] + two["end"] - two["start"] - shared)


def only(ours: list[Span], theirs: list[Span]) -> list[Span]:
    """The clips that the others lack."""
    return [one for one in ours if all(common(one, two) < SAME for two in theirs)]


def told(clip: Span, dropped: list[Span]) -> str:
    """A clip, and why most of it was dropped."""
    why = max(dropped, key=lambda span: common(clip, span), default=None)
    reason = f" ({why['reason']})" if why is not None and common(clip, why) > 0.5 else ""
    return f"{clip['start']:.1f}-{clip['end']:.1f}{reason}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="+", help="a video, a folder of videos, or 'miniature'")
    arguments = parser.parse_args()
    sums = [0, 0, 0]
    for path in videos(arguments.video):
        full, ours = (split_by(effort, path) for effort in ("all", "doubtful"))
        if full["error"] or ours["error"]:
            print(f"{path.name:40} {(full['error'] or ours['error'])['message']}", flush=True)
            continue
        lost, new = only(full["clips"], ours["clips"]), only(ours["clips"], full["clips"])
        counts = len(full["clips"]), len(ours["clips"]), len(full["clips"]) - len(lost)
        sums = [total + count for total, count in zip(sums, counts, strict=True)]
        differing = [f"lost {told(clip, ours['dropped'])}" for clip in lost]
        differing += [f"new {told(clip, full['dropped'])}" for clip in new]
        print(f"{path.name:40} {counts} {share_decoded(path):.2f}  {'; '.join(differing)}", flush=True)
    print(f"every frame {sums[0]} clips, default {sums[1]}, the same {sums[2]}")


if __name__ == "__main__":
    main()
