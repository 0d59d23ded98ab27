"""Teachers that a laptop can run: up to about two billion parameters, permissive licences."""

from __future__ import annotations

from panda_hf.captioning.registry.card import Decoding, Modality, TeacherCard

_SOURCE = "greedy, so that a run can be repeated; one sentence is asked for"


def _chat(name: str, checkpoint: str, sees: tuple[Modality, ...], model_class: str, billions: float) -> TeacherCard:
    return TeacherCard(
        name,
        "image_text_to_text",
        checkpoint,
        sees,
        Decoding(max_new_tokens=60),
        model_class=model_class,
        sets=("laptop",),
        licence="Apache-2.0",
        billions=billions,
        source=_SOURCE,
    )


CARDS = (
    _chat(
        "smolvlm2_256m",
        "HuggingFaceTB/SmolVLM2-256M-Video-Instruct",
        ("video",),
        "SmolVLMForConditionalGeneration",
        0.26,
    ),
    _chat(
        "smolvlm2_500m",
        "HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
        ("video", "text"),
        "SmolVLMForConditionalGeneration",
        0.51,
    ),
    _chat(
        "llava_onevision_05b",
        "llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
        ("video", "subtitle"),
        "LlavaOnevisionForConditionalGeneration",
        0.9,
    ),
    _chat("qwen3_vl_2b", "Qwen/Qwen3-VL-2B-Instruct", ("video", "text"), "Qwen3VLForConditionalGeneration", 2.1),
    TeacherCard(
        "git_base_vatex",
        "git",
        "microsoft/git-base-vatex",
        ("video",),
        Decoding(max_new_tokens=40),
        "none",
        num_frames=6,
        model_class="GitForCausalLM",
        sets=("laptop",),
        licence="MIT",
        billions=0.18,
        source="GIT's video captioning: 6 frames, no prompt",
    ),
    TeacherCard(
        "florence2_base",
        "florence2",
        "florence-community/Florence-2-base",
        ("image",),
        Decoding(max_new_tokens=60, num_beams=3),
        "task",
        "<CAPTION>",
        model_class="Florence2ForConditionalGeneration",
        sets=("laptop",),
        licence="MIT",
        billions=0.23,
        source="Florence-2's model card: beams 3, a task word as prompt",
    ),
)
