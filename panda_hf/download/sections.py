"""Cut sections out of a video that is open as a file, such as one over HTTP: only what they need is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from panda_hf.errors import VideoError
from panda_hf.video import CutClip, cut_clips
from panda_hf.video.source import Source


def cut_sections(
    picture: BinaryIO, sound: BinaryIO | None, sections: Sequence[tuple[float, float, Path]]
) -> list[CutClip | VideoError]:
    """Write sections as mp4 files of their own, accurate to the frame.

    Args:
        picture: a seekable file with the pictures, and the sound when ``sound`` is ``None``.
        sound: a file of its own for the sound, as sites keep it beside large pictures.
        sections: start and end in seconds, and the file to write.

    Returns:
        What was written, or why not, for each section.

    Raises:
        VideoError: nothing of the video can be read.
    """
    heard = None if sound is None else Source.of_file(sound, "the remote sound")
    return cut_clips(Source.of_file(picture, "the remote video"), sections, sound=heard)
