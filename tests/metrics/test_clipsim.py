"""CLIPSIM on embeddings by arithmetic, and with a tiny CLIP of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

evaluate = pytest.importorskip("evaluate")

METRIC = str(Path(__file__).parents[2] / "panda_hf/metrics/clipsim")


def test_cosines_are_averaged_over_frames_first_and_then_over_videos() -> None:
    videos = [np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[-1.0, 0.0]])]
    found = evaluate.load(METRIC).compute(predictions=videos, references=[[5.0, 0.0], [1.0, 0.0]])
    assert found["clipsims"] == pytest.approx([0.5, -1.0])
    assert found["clipsim"] == pytest.approx(-0.25)


def test_videos_without_frames_or_texts_are_named() -> None:
    metric = evaluate.load(METRIC)
    with pytest.raises(ValueError, match="video 0 has no frames"):
        metric.compute(predictions=[[]], references=[[1.0, 0.0]])
    with pytest.raises(ValueError, match="as many texts"):
        metric.compute(predictions=[np.ones((1, 2))], references=[])
    with pytest.raises(ValueError, match="name a model"):
        metric.compute(predictions=[np.ones((1, 2))], references=["a cat"])


def test_a_tiny_clip_gives_what_its_own_towers_give(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from PIL import Image
    from transformers import BertTokenizerFast, CLIPConfig, CLIPImageProcessor, CLIPModel

    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog"]))
    text = {**small, "vocab_size": 8, "max_position_embeddings": 12, "bos_token_id": 2, "eos_token_id": 3}
    config = CLIPConfig(
        text_config={**text, "pad_token_id": 0},
        vision_config={**small, "image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    torch.manual_seed(0)
    model = CLIPModel(config).eval()
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"), model_max_length=12)
    for part in (model, processor, tokenizer):
        part.save_pretrained(tmp_path)
    frames = [Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype="uint8")) for i in range(3)]
    with torch.inference_mode():
        out = model(**tokenizer(["a cat"], return_tensors="pt"), **processor(images=frames, return_tensors="pt"))
    expected = (out.image_embeds @ out.text_embeds.T).mean().item()
    found = evaluate.load(METRIC).compute(
        predictions=[frames], references=["a cat"], model=str(tmp_path), batch_size=2
    )
    assert found["clipsim"] == pytest.approx(expected, abs=1e-5)
    scored = evaluate.load(METRIC.replace("clipsim", "clip_score")).compute(
        predictions=["a cat"], images=frames[:1], model=str(tmp_path), prefix=""
    )
    cosine = (out.image_embeds[0] @ out.text_embeds[0]).item()
    assert scored["clip_score"] == pytest.approx(2.5 * max(cosine, 0), abs=1e-5)
