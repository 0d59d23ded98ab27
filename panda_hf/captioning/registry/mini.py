"""The miniature's eight teachers, shipped in the package, in the order of the paper's eight whose parts they play."""

from __future__ import annotations

from panda_hf.captioning.registry.card import Decoding, Modality, TeacherCard, TeacherSet

_SETS: tuple[TeacherSet, ...] = ("mini",)
_LAVIS = "LAVIS generate defaults: beams 5, max_length 30, no sampling; empty prompt where the teacher reads no text"
_BEAMS = Decoding(max_new_tokens=30, num_beams=5)
_STUDENT = "beams 3 as the official student's inference, without its sampling"
_CHAT = Decoding(max_new_tokens=40, num_beams=3)


def _blip2(name: str, checkpoint: str, sees: tuple[Modality, ...], plays: str) -> TeacherCard:
    return TeacherCard(
        name,
        "blip2",
        checkpoint,
        sees,
        _BEAMS,
        "ask" if "text" in sees else "none",
        asked_about="video",  # the words that it learned
        model_class="Blip2ForConditionalGeneration",
        sets=_SETS,
        licence="Apache-2.0",
        billions=0.003,
        source=_LAVIS,
        plays=plays,
    )


def _video_llama(role: str, sees: tuple[Modality, ...]) -> TeacherCard:
    return TeacherCard(
        f"mini_{role}",
        "video_llama",
        f"mini/{role}",
        sees,
        _CHAT,
        "conversation",
        turns=("Human: <ImageHere> ", " Assistant:"),
        num_frames=8,
        model_class="VideoLlamaForConditionalGeneration",
        sets=_SETS,
        licence="Apache-2.0",
        billions=0.003,
        source=_STUDENT,
        plays=role,
    )


CARDS: tuple[TeacherCard, ...] = (
    _video_llama("video_llama_pretrain", ("video",)),
    _video_llama("video_llama_finetune", ("video", "subtitle")),
    TeacherCard(
        "mini_video",
        "image_text_to_text",
        "mini/video",
        ("video",),
        _CHAT,
        model_class="LlavaForConditionalGeneration",
        sets=_SETS,
        licence="Apache-2.0",
        billions=0.002,
        source=_STUDENT,
        plays="videochat",
    ),
    TeacherCard(
        "mini_videochat_text",
        "videochat_text",
        "mini/videochat_text",
        ("video", "subtitle", "metadata"),
        _CHAT,
        num_frames=4,
        parts=(("frames", "mini/image"), ("action", "mini/videochat_text_action")),
        model_class="Blip2ForConditionalGeneration, TimesformerForVideoClassification, LlamaForCausalLM",
        sets=_SETS,
        licence="Apache-2.0",
        billions=0.003,
        source="VideoChat Text: captions of frames, a label of the action, a writer; four frames are enough here",
        plays="videochat_text",
    ),
    _blip2("mini_image", "mini/image", ("image",), "blip2_opt_2_7b"),
    _blip2("mini_blip2_opt_6_7b", "mini/blip2_opt_6_7b", ("image",), "blip2_opt_6_7b"),
    _blip2("mini_text", "mini/text", ("image", "text"), "blip2_flan_t5_xl"),
    TeacherCard(
        "mini_minigpt4",
        "instructblip",
        "mini/minigpt4",
        ("image", "subtitle", "metadata"),
        _CHAT,
        asked_about="video",  # the words that it learned
        model_class="InstructBlipForConditionalGeneration",
        sets=_SETS,
        licence="Apache-2.0",
        billions=0.002,
        source=_STUDENT,
        plays="minigpt4",
    ),
)
