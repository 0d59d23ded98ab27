"""The paper's eight teachers, each as near to the original as transformers comes (paper, appendix B)."""

from __future__ import annotations

from panda_hf.captioning.registry.card import Decoding, TeacherCard

_LAVIS = Decoding(
    max_new_tokens=30, min_new_tokens=1, num_beams=5, length_penalty=1.0, repetition_penalty=1.0, sample=False
)
_LAVIS_SOURCE = "LAVIS generate defaults for pretrain_* files: empty prompt, beams 5, length 1 to 30, penalties 1"
_CHAT = Decoding(max_new_tokens=300, sample=True, top_p=0.9, stop=("###",))
_VIDEO_LLAMA_SOURCE = "Video-LLaMA demo: 8 uniform frames, sampling at temperature 1, top-p 0.9, 300 new tokens"


def _blip2(name: str, checkpoint: str, billions: float) -> TeacherCard:
    return TeacherCard(
        name,
        "blip2",
        checkpoint,
        ("image",),
        _LAVIS,
        "none",
        model_class="Blip2ForConditionalGeneration",
        sets=("paper",),
        licence="MIT",
        billions=billions,
        source=_LAVIS_SOURCE,
    )


CARDS = (
    TeacherCard(
        "video_llama_pretrain",
        "video_llama",
        "DAMO-NLP-SG/Video-LLaMA-Series",
        ("video",),
        _CHAT,
        "conversation",
        num_frames=8,
        model_class="VideoLlamaForConditionalGeneration",
        sets=("paper",),
        fidelity="assembled",
        differs="Built from BLIP-2's vision tower and Q-Former, a second Q-Former and Vicuna; the official file "
        "(pretrain_vicuna7b-v2.pth) is converted once by `panda-hf teachers convert`. No system message is sent, and "
        "the request is worded anew.",
        licence="LLaMA licence (Vicuna), non-commercial",
        billions=7.9,
        source=_VIDEO_LLAMA_SOURCE,
    ),
    TeacherCard(
        "video_llama_finetune",
        "video_llama",
        "DAMO-NLP-SG/Video-LLaMA-Series",
        ("video", "subtitle"),
        _CHAT,
        "conversation",
        num_frames=8,
        model_class="VideoLlamaForConditionalGeneration",
        sets=("paper",),
        fidelity="assembled",
        differs="As video_llama_pretrain, from finetune-vicuna7b-v2.pth.",
        licence="LLaMA licence (Vicuna), non-commercial",
        billions=7.9,
        source=_VIDEO_LLAMA_SOURCE,
    ),
    TeacherCard(
        "videochat",
        "image_text_to_text",
        "OpenGVLab/InternVL3_5-8B-HF",
        ("video", "subtitle"),
        Decoding(max_new_tokens=200, sample=True, top_p=0.9, stop=("###",)),
        num_frames=8,
        model_class="InternVLForConditionalGeneration",
        sets=("paper",),
        fidelity="substitute",
        differs="A later model of the same group: other vision tower, no Q-Former, Qwen3 instead of Vicuna-7B.",
        licence="Apache-2.0",
        billions=8.5,
        source="VideoChat: 8 frames at the middles of equal intervals, beams 1, temperature 1, top-p 0.9",
    ),
    TeacherCard(
        "videochat_text",
        "videochat_text",
        "Qwen/Qwen3-4B-Instruct-2507",
        ("video", "subtitle", "metadata"),
        Decoding(max_new_tokens=80),
        num_frames=8,
        parts=(
            ("frames", "florence-community/Florence-2-base"),
            ("action", "MCG-NJU/videomae-base-finetuned-kinetics"),
        ),
        model_class="Florence2ForConditionalGeneration, VideoMAEForVideoClassification, Qwen3ForCausalLM",
        sets=("paper",),
        fidelity="substitute",
        differs="The same pipeline of other parts: Florence-2 for Tag2Text and GRiT, VideoMAE for UniFormerV2, Qwen3 "
        "for LLaMA. Always 8 frames, not one a second; regions of the middle frame only; no model sums the frames up.",
        licence="MIT (Florence-2), CC-BY-NC-4.0 (VideoMAE), Apache-2.0 (Qwen3)",
        billions=4.3,
        source="VideoChat Text: captions and tags of at least 8 frames, a Kinetics label, a writer at temperature 0",
    ),
    _blip2("blip2_opt_2_7b", "Salesforce/blip2-opt-2.7b", 3.7),
    _blip2("blip2_opt_6_7b", "Salesforce/blip2-opt-6.7b", 7.8),
    _blip2("blip2_flan_t5_xl", "Salesforce/blip2-flan-t5-xl", 3.9),
    TeacherCard(
        "minigpt4",
        "instructblip",
        "Salesforce/instructblip-vicuna-7b",
        ("image", "subtitle", "metadata"),
        Decoding(max_new_tokens=300, sample=True, top_p=0.9, repetition_penalty=1.05, stop=("###",)),
        model_class="InstructBlipForConditionalGeneration",
        sets=("paper",),
        fidelity="substitute",
        differs="The same frozen vision tower and a Vicuna-7B, but a Q-Former that reads the instruction and was "
        "tuned on other data, in place of one linear layer. Whether the paper took 7B or 13B is not said.",
        licence="LLaMA licence (Vicuna), non-commercial",
        billions=7.9,
        source="MiniGPT-4 demo: beams 1, temperature 1, top-p 0.9, repetition penalty 1.05, 300 new tokens",
    ),
)
