"""The vocabulary of the project: column names and their features.

A **video row** describes one long video, a **clip row** one clip of it. Times are presentation times in seconds from
the start of the file. ``None`` always means "unknown" or "not made"; no number or empty string stands for it.
Column names follow the released Panda-70M dataset where one exists there.
"""

from __future__ import annotations

from datasets import Features, List, Value, Video

VIDEO = Video(decode=False)
"""``{"path": str | None, "bytes": bytes | None}``: a reference to encoded video, never decoded between stages."""

SPAN = {"start": Value("float64"), "end": Value("float64")}
"""A half-open stretch of time ``[start, end)`` in seconds."""

CUE = {"start": Value("float64"), "end": Value("float64"), "text": Value("string")}
"""One subtitle: when it is shown (seconds) and its text without markup."""

ERROR = {"stage": Value("string"), "type": Value("string"), "message": Value("string")}
"""Why a row failed. ``type`` is the exception's class; ``message`` names the file, the cause and what to do."""

FRAMES = {"data": Value("binary"), "shape": List(Value("int32")), "times": List(Value("float64"))}
"""A frame pack: raw ``uint8`` RGB of shape (frames, height, width, 3) and each frame's time in the video, seconds.
Read with :func:`panda_hf.video.unpack_frames`."""

CANDIDATE = {
    "teacher": Value("string"),
    "caption": Value("string"),
    "score": Value("float32"),
    "head_score": Value("float32"),
}
"""One teacher's caption, the selector's matching score for it (``None`` where it was not scored), and the matching
head's logit of a match (``None`` where the head did not look at it)."""

ANSWER_CANDIDATE = {"teacher": Value("string"), "caption": Value("string")}
ANSWER_ROW = Features(
    {
        "clip_id": Value("string"),
        "annotator": Value("string"),
        "candidates": List(ANSWER_CANDIDATE),
        "picked": List(Value("int32")),  # positions among the candidates; an empty list: all of them are bad
    }
)
"""What one annotator said of one clip's candidates. To learn from it, the row, or one of the same ``clip_id`` in
another dataset, also holds ``frames``, or ``video`` with or without ``start`` and ``end``."""

VIDEO_ROW = Features(
    {
        "video_id": Value("string"),
        "video": VIDEO,
        "title": Value("string"),
        "description": Value("string"),
        "subtitles": List(CUE),
    }
)

SPLIT_COLUMNS = Features(
    {
        "duration": Value("float64"),  # of the video, seconds, as decoded
        "fps": Value("float64"),  # mean frame rate
        "width": Value("int32"),  # as shown, rotation applied
        "height": Value("int32"),
        "shots": List(SPAN),
        "clips": List({**SPAN, "shot_boundary_detection": List(SPAN)}),  # shots of a clip, relative to its start
        "dropped": List({**SPAN, "reason": Value("string")}),
        "warning": Value("string"),  # e.g. the file is truncated; the part that could be read was used
    }
)

CLIP_ROW = Features(
    {
        "clip_id": Value("string"),  # <video_id>.<index>, as the released dataset names its samples
        "video_id": Value("string"),
        "video": VIDEO,
        **SPAN,
        "title": Value("string"),
        "description": Value("string"),
        "subtitle": Value("string"),  # the text spoken inside the clip
        "shot_boundary_detection": List(SPAN),
        "warning": Value("string"),
        "filtered": Value("string"),  # why a filter set this row aside; None: kept
        "error": ERROR,
    }
)

RELEASE_ROW = Features(
    {
        "clip_id": Value("string"),
        "video_id": Value("string"),
        "url": Value("string"),
        **SPAN,
        "caption": Value("string"),
        "matching_score": Value("float64"),  # as printed in the release, which printed half-precision numbers
        "desirable_filtering": Value("string"),  # None in releases before October 2024, like the next column
        "shot_boundary_detection": List(SPAN),  # relative to the clip's start
    }
)
"""A clip of the released Panda-70M, which names videos and holds none."""

FRAMES_COLUMNS = Features({"frames": FRAMES})
SELECT_COLUMNS = Features(
    {
        "caption": Value("string"),
        "caption_teacher": Value("string"),
        "matching_score": Value("float32"),
        "matching_margin": Value("float32"),  # over the runner-up, by the score that decided; None: only one
        "head_agrees": Value("bool"),  # with similarity on the best candidate; None: no matching head was asked
        "candidates": List(CANDIDATE),
    }
)

STUDENT_CAPTION = "student_caption"
"""What a student wrote of a clip, beside the selected caption."""

CAPTION_ERRORS = "caption_errors"
CAPTION_TOKENS = "caption_tokens"
CAPTION_NOTES = Features(
    {
        CAPTION_ERRORS: List({"teacher": Value("string"), "type": Value("string"), "message": Value("string")}),
        CAPTION_TOKENS: List({"teacher": Value("string"), "prompt": Value("int32"), "written": Value("int32")}),
    }
)
"""Beside the candidates: why a teacher has none for the clip, and the tokens that a server counted. One entry for each
teacher that has something to say, an empty list where none has, ``None`` where no teacher came."""

CAPTION_PREFIX = "caption_"
"""A teacher called ``x`` writes the column ``caption_x``."""


def caption_column(teacher: str) -> str:
    """The column that holds the candidate captions of ``teacher``."""
    return CAPTION_PREFIX + teacher
