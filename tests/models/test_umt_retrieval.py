"""The whole UMT: fusion and matching like the official code, its losses, and checkpoints of the published sizes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig

from panda_hf.errors import CheckpointError
from panda_hf.models.umt import UMTConfig, UMTForVideoTextRetrieval, UMTModel
from panda_hf.models.umt.convert_umt import convert, convert_state_dict
from panda_hf.models.umt.modeling_umt import sinusoid_table, stretched_table
from panda_hf.models.umt.retrieval_umt import hard_negatives
from panda_hf.selection.scorer import load_scorer
from tests.models.umt_sizes import tiny_config, tiny_processor


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    return torch.load(shared / "reference/golden/umt_tiny.pt", weights_only=True)


@pytest.fixture(scope="module")
def converted(golden: dict[str, Any]) -> UMTForVideoTextRetrieval:
    sizes, bert = golden["vision"], golden["bert"]
    vision = {"image_size": sizes["img"], "patch_size": sizes["patch"], "num_frames": sizes["frames"]}
    vision |= {"hidden_size": sizes["dim"], "intermediate_size": 4 * sizes["dim"]}
    vision |= {"num_hidden_layers": sizes["depth"], "num_attention_heads": sizes["heads"]}
    text = {key: value for key, value in bert.items() if key in BertConfig().to_dict() and key != "model_type"}
    config = UMTConfig(
        vision_config=vision,
        text_config=text | {"num_hidden_layers": bert["fusion_layer"]},
        projection_dim=golden["embed_dim"],
        fusion_layers=bert["num_hidden_layers"] - bert["fusion_layer"],
    )
    model = UMTForVideoTextRetrieval(config).eval()
    model.load_state_dict(convert_state_dict(golden["state_dict"], config, UMTForVideoTextRetrieval), strict=True)
    return model


def tiny() -> UMTForVideoTextRetrieval:
    torch.manual_seed(0)
    return UMTForVideoTextRetrieval(tiny_config(fusion_layers=2)).eval()


def pairs(count: int = 4) -> dict[str, torch.Tensor]:
    drawn = torch.Generator().manual_seed(1)
    return {
        "pixel_values": torch.randn(count, 2, 3, 16, 16, generator=drawn),
        "input_ids": torch.randint(5, 19, (count, 7), generator=drawn),
        "attention_mask": torch.tensor([[1] * 7, [1] * 5 + [0] * 2] * (count // 2)),
    }


@torch.no_grad()
def test_fusion_and_matching_equal_the_official_code(golden: dict[str, Any], converted: Any) -> None:
    tokens, _ = converted.umt.encode_video(golden["video_BTCHW"])
    hidden = converted.umt.encode_text(golden["input_ids"], golden["attention_mask"])
    fused = converted.fuse(hidden, golden["attention_mask"], tokens)
    real = golden["attention_mask"].bool()
    torch.testing.assert_close(fused[real], golden["fusion_last_hidden"][real], atol=1e-5, rtol=1e-4)
    logits = converted.matching_logits(hidden, golden["attention_mask"], tokens)
    torch.testing.assert_close(logits, golden["itm_logits"], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_forward_pass_gives_the_official_contrastive_loss(golden: dict[str, Any], converted: Any) -> None:
    inputs = {"pixel_values": golden["video_BTCHW"], "input_ids": golden["input_ids"]}
    inputs["attention_mask"] = golden["attention_mask"]
    out = converted(**inputs, return_loss=True)
    assert out.contrastive_loss.item() == pytest.approx(golden["vtc_loss_idx_0_1_2"].item(), abs=1e-4)
    out = converted(**inputs, video_ids=torch.tensor([0, 0, 1]), return_loss=True)
    assert out.contrastive_loss.item() == pytest.approx(golden["vtc_loss_idx_0_0_1"].item(), abs=1e-4)


def test_positions_stretch_over_time_like_the_official_code(golden: dict[str, Any]) -> None:
    table = stretched_table(sinusoid_table(16, 48), known=4, wanted=8)
    torch.testing.assert_close(table, golden["pos_table_interp_4to8frames"], atol=1e-6, rtol=0)


@torch.no_grad()
def test_stretched_positions_are_an_option_that_changes_longer_videos_only() -> None:
    plain, stretched = tiny(), tiny()
    stretched.umt.vision_model.embeddings.position_frames = 2
    short, long = torch.randn(1, 2, 3, 16, 16), torch.randn(1, 6, 3, 16, 16)
    assert torch.equal(plain.umt.encode_video(short)[0], stretched.umt.encode_video(short)[0])
    assert not torch.allclose(plain.umt.encode_video(long)[0], stretched.umt.encode_video(long)[0], atol=1e-3)


@torch.no_grad()
def test_the_matching_loss_is_the_cross_entropy_over_given_and_drawn_pairs() -> None:
    model, inputs = tiny(), pairs()
    out = model(**inputs, return_loss=True, generator=torch.Generator().manual_seed(3))
    videos, texts = hard_negatives(out.similarity / model.umt.temp, None, torch.Generator().manual_seed(3))
    tokens = model.umt.encode_video(inputs["pixel_values"])[0]
    hidden = model.umt.encode_text(inputs["input_ids"], inputs["attention_mask"])

    def chances(video: int, text: int) -> np.ndarray:
        mask = inputs["attention_mask"][text][None]
        return model.matching_logits(hidden[text][None], mask, tokens[video][None])[0].double().softmax(dim=0).numpy()

    losses = [-np.log(chances(i, i)[1]) for i in range(4)]
    losses += [-np.log(chances(int(videos[i]), i)[0]) for i in range(4)]
    losses += [-np.log(chances(i, int(texts[i]))[0]) for i in range(4)]
    assert out.matching_loss.item() == pytest.approx(np.mean(losses), abs=1e-5)
    assert out.loss.item() == pytest.approx(out.contrastive_loss.item() + out.matching_loss.item(), abs=1e-6)


def test_negatives_are_never_the_same_video_and_mostly_the_most_similar() -> None:
    logits = torch.zeros(4, 4)
    logits[0, 3] = 8.0
    ids = torch.tensor([0, 0, 1, 2])
    drawn = torch.Generator().manual_seed(0)
    found = [hard_negatives(logits, ids, drawn) for _ in range(200)]
    videos, texts = torch.stack([one[0] for one in found]), torch.stack([one[1] for one in found])
    assert not ((ids[videos] == ids) | (ids[texts] == ids)).any()
    assert (texts[:, 0] == 3).float().mean() > 0.98 and (videos[:, 3] == 0).float().mean() > 0.98
    assert 0.2 < (texts[:, 2] == 3).float().mean() < 0.47  # one of three equals
    with pytest.raises(ValueError, match="only one"):
        hard_negatives(torch.zeros(2, 2), torch.tensor([5, 5]))


@torch.no_grad()
def test_padding_and_batch_mates_do_not_change_a_match() -> None:
    model, inputs = tiny(), pairs()
    tokens = model.umt.encode_video(inputs["pixel_values"])[0]
    mask = inputs["attention_mask"]
    hidden = model.umt.encode_text(inputs["input_ids"], mask)
    together = model.matching_logits(hidden, mask, tokens)
    short = model.umt.encode_text(inputs["input_ids"][1:2, :5])
    alone = model.matching_logits(short, None, tokens[1:2])
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=0)


def test_gradients_reach_every_weight() -> None:
    model = tiny().train()
    model(**pairs(), return_loss=True).loss.backward()
    still = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().sum()]
    # The mean over tokens of a key's bias cancels in the softmax.
    assert [name for name in still if "key.bias" not in name] == []


def test_a_saved_whole_model_gives_its_towers_to_the_scoring_model(tmp_path: Path) -> None:
    model = tiny()
    model.save_pretrained(tmp_path)
    again, info = UMTForVideoTextRetrieval.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in model.state_dict().items())
    towers, info = UMTModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert all(torch.equal(t, towers.state_dict()[n]) for n, t in model.umt.state_dict().items())


def published(shared: Path) -> dict[str, dict[str, torch.Tensor]]:
    """State dicts with the names and shapes of the published models, by the heading they stand under."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for line in (shared / "reference/umt_keys.txt").read_text().splitlines():
        if line.startswith("# UMT"):
            current = found.setdefault(line, {})
        elif line.strip() and not line.startswith("#"):
            name, shape = line.split("\t")[:2]
            sizes = [int(size) for size in re.findall(r"\d+", shape)]
            current[name] = torch.empty(sizes, device="meta")
    return found


def test_state_dicts_of_the_published_sizes_convert_whole(shared: Path) -> None:
    models = published(shared)
    assert len(models) == 3
    for title, state in models.items():
        config = UMTConfig.of_size("large" if "UMT-L" in title else "base")
        new = convert_state_dict(state, config, UMTForVideoTextRetrieval)
        with torch.device("meta"):
            model = UMTForVideoTextRetrieval(config)
        assert {name: t.shape for name, t in new.items()} == {n: t.shape for n, t in model.state_dict().items()}, title
        if "UMT-L" in title:
            assert sum(weight.numel() for weight in model.parameters()) == 659_747_331


def test_a_tensor_without_a_place_is_refused_by_name(golden: dict[str, Any], converted: Any) -> None:
    extra = golden["state_dict"] | {"vision_encoder.encoder.blocks.9.norm1.weight": torch.zeros(48)}
    with pytest.raises(CheckpointError, match=r"no place in it.*layer\.9\.layernorm_before"):
        convert_state_dict(extra, converted.config, UMTForVideoTextRetrieval)
    strange = golden["state_dict"] | {"audio_encoder.weight": torch.zeros(2)}
    with pytest.raises(CheckpointError, match="audio_encoder"):
        convert_state_dict(strange, converted.config, UMTForVideoTextRetrieval)


def test_a_missing_fusion_tensor_is_refused_by_name(golden: dict[str, Any], converted: Any) -> None:
    name = "text_encoder.encoder.layer.4.crossattention.self.key.weight"
    state = {n: t for n, t in golden["state_dict"].items() if n != name}
    with pytest.raises(CheckpointError, match=r"fusion\.layer\.1\.crossattention\.self\.key\.weight"):
        convert_state_dict(state, converted.config, UMTForVideoTextRetrieval)
    assert convert_state_dict(state, converted.config, UMTModel)  # the towers alone do not need it


def test_an_official_file_becomes_a_folder_that_selects(
    golden: dict[str, Any], converted: Any, tmp_path: Path
) -> None:
    tiny_processor().tokenizer.save_pretrained(tmp_path / "words")
    torch.save({"model": golden["state_dict"]}, tmp_path / "tiny.pth")
    convert(tmp_path / "tiny.pth", tmp_path / "words", tmp_path / "out", converted.config, num_frames=4, max_length=8)
    again = UMTForVideoTextRetrieval.from_pretrained(tmp_path / "out")
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in converted.state_dict().items())
    frames = np.random.default_rng(0).integers(0, 256, (6, 40, 60, 3), dtype=np.uint8)
    scores = load_scorer(str(tmp_path / "out"), None, None, None)(frames, ["a red ball", "a blue cube"])
    assert len(scores) == 2 and all(-1 <= score <= 1 for score in scores)
    with pytest.raises(CheckpointError, match="already there"):
        convert(tmp_path / "tiny.pth", tmp_path / "words", tmp_path / "out", converted.config)


def test_files_that_hold_code_or_nothing_are_refused(tmp_path: Path) -> None:
    torch.save({"model": Path}, tmp_path / "code.pth")
    (tmp_path / "empty.pth").touch()
    tiny_processor().tokenizer.save_pretrained(tmp_path / "words")
    for name in ("code.pth", "empty.pth"):
        with pytest.raises(CheckpointError, match=name):
            convert(tmp_path / name, tmp_path / "words", tmp_path / "out", tiny_config())
    assert not (tmp_path / "out").exists()
