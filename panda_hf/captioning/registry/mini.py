"""The miniature's teachers, shipped in the package."""

from __future__ import annotations

from panda_hf.captioning.registry.card import Decoding, TeacherCard

_LAVIS = "LAVIS generate defaults: beams 5, max_length 30, no sampling; empty prompt where the teacher reads no text"
_BEAMS = Decoding(max_new_tokens=30, num_beams=5)
_BLIP2 = "Blip2ForConditionalGeneration"

CARDS = (
    TeacherCard(
        "mini_image",
        "blip2",
        "mini/image",
        ("image",),
        _BEAMS,
        "none",
        model_class=_BLIP2,
        sets=("mini",),
        licence="Apache-2.0",
        billions=0.002,
        source=_LAVIS,
    ),
    TeacherCard(
        "mini_video",
        "image_text_to_text",
        "mini/video",
        ("video",),
        Decoding(max_new_tokens=40, num_beams=3),
        model_class="LlavaForConditionalGeneration",
        sets=("mini",),
        licence="Apache-2.0",
        billions=0.002,
        source="beams 3 as the official student's inference, without its sampling",
    ),
    TeacherCard(
        "mini_text",
        "blip2",
        "mini/text",
        ("image", "text"),
        _BEAMS,
        model_class=_BLIP2,
        sets=("mini",),
        licence="Apache-2.0",
        billions=0.002,
        source=_LAVIS,
    ),
)
