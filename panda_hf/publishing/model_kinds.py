"""The kinds of models that this package publishes: what each does, an example that runs, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from panda_hf.errors import OutputError

Kind = Literal["student", "selector", "teacher"]

_STUDENT = """import panda_hf.models.student  # registers its classes
from transformers import AutoModelForImageTextToText, AutoProcessor

processor = AutoProcessor.from_pretrained("{repo_id}")
model = AutoModelForImageTextToText.from_pretrained("{repo_id}", dtype="float32")
inputs = processor(videos=["clip.mp4"], metadata=[("A title, where one is known", None)])
written = model.generate(**inputs, max_new_tokens=48)
print(processor.batch_decode(written, skip_special_tokens=True)[0])
"""
_SELECTOR = """import panda_hf.models.umt  # registers its classes
from panda_hf.video import sample_frames
from transformers import AutoModel, AutoProcessor

processor = AutoProcessor.from_pretrained("{repo_id}")
model = AutoModel.from_pretrained("{repo_id}", dtype="float32").eval()
frames = sample_frames("clip.mp4", [0.0, 0.5, 1.0, 1.5])
inputs = processor(videos=[frames], text=["a red ball rolls away", "an empty street at night"])
print(model(**inputs).similarity)  # the higher, the better the caption fits
"""
_TEACHER = """from panda_hf import apply, video_rows
from panda_hf.captioning import Caption, SampleFrames

clips = video_rows("clip.mp4").add_column("clip_id", ["clip"]).add_column("start", [0.0]).add_column("end", [2.0])
clips = apply(clips, SampleFrames())
clips = apply(clips, Caption(teacher="own", family="{family}", checkpoint="{repo_id}"))
print(clips[0]["caption_own"] or clips[0]["error"])
"""
FAMILIES = {
    "blip-2": "blip2",
    "git": "git",
    "instructblipvideo": "instructblip",
    "florence2": "florence2",
    "video_llama": "video_llama",
}
"""Of teachers, by the model's type; any other is an image-text-to-text model."""

_ALWAYS = (
    "It was trained and measured on the data named here and nothing else; other footage may be described wrongly, "
    "with the same confidence.",
    "No filter for people, personal data, text in the picture or unsuitable content is part of it.",
)
_CAPTIONS = (
    "A caption may name things that are not there and miss things that are. Nobody checked what it writes.",
    "Words given with a video (title, description, subtitles) may mislead it.",
)
_MINI = (
    "It belongs to the miniature of panda_hf, a procedural film world of balls, cubes and rings. It proves the "
    "machinery; of a street it also speaks of balls and cubes."
)


@dataclass(frozen=True)
class ModelKind:
    """What a model is for."""

    kind: Kind
    model_type: str
    purpose: str
    task: str | None
    """The Hub's name of the task; ``None`` where it has none."""
    tags: tuple[str, ...]
    limits: tuple[str, ...]
    example: str
    """Python, with ``{repo_id}`` for the repository."""


def kind_of(config: Mapping[str, Any], *, mini: bool = False) -> ModelKind:
    """What a model is, by its configuration.

    Args:
        config: what ``config.json`` says.
        mini: whether it is of the miniature.

    Raises:
        OutputError: when it does not say what model it is.
    """
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not model_type:
        raise OutputError("config.json does not say which model it is (model_type); save the model by save_pretrained")
    more = (*((_MINI,) if mini else ()), *_ALWAYS)
    if model_type == "panda_student":
        purpose = "a student captioner: one model that learned from several teachers' chosen captions"
        tags = ("video-captioning", "panda_hf")
        return ModelKind("student", model_type, purpose, "video-text-to-text", tags, (*_CAPTIONS, *more), _STUDENT)
    if model_type == "umt":
        purpose = "a selector: it scores how well captions fit a video, and so chooses among candidates"
        limits = (
            "A score ranks the captions of one video. It is no probability, and scores of two selectors cannot be "
            "compared.",
        )
        tags = ("video-text-retrieval", "panda_hf")
        return ModelKind("selector", model_type, purpose, None, tags, (*limits, *more), _SELECTOR)
    purpose = "a teacher: it writes candidate captions of video clips"
    example = _TEACHER.replace("{family}", FAMILIES.get(model_type, "image_text_to_text"))
    tags = ("video-captioning", "panda_hf")
    return ModelKind("teacher", model_type, purpose, "video-text-to-text", tags, (*_CAPTIONS, *more), example)
