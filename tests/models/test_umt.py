"""The UMT model: shapes, any number of frames, saving, registration, and parity with the official code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoProcessor, BertConfig, VideoMAEConfig

from panda_hf.errors import CheckpointError
from panda_hf.models.umt import UMTConfig, UMTModel, contrastive_loss
from panda_hf.models.umt.convert_umt import convert_state_dict
from panda_hf.models.umt.modeling_umt import sinusoid_table
from tests.models.umt_sizes import tiny_config, tiny_model, tiny_processor


def _videos(n=3, frames=2, seed=0):
    return torch.randn(n, frames, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def test_features_have_length_one_and_similarity_is_the_mean_cosine_over_frames():
    model, ids = tiny_model(), torch.randint(5, 19, (4, 7))
    with torch.no_grad():
        out = model(pixel_values=_videos(), input_ids=ids)
        video, text = model.get_video_features(_videos()).numpy(), model.get_text_features(ids).numpy()
    assert video.shape == (3, 2, 6) and text.shape == (4, 6)
    np.testing.assert_allclose(np.linalg.norm(video, axis=-1), 1, atol=1e-6)
    expected = [[np.mean([frame @ t for frame in v]) for t in text] for v in video]
    np.testing.assert_allclose(out.similarity.numpy(), expected, atol=1e-6)


def test_a_longer_video_needs_no_other_weights():
    with torch.no_grad():
        assert tiny_model().get_video_features(_videos(frames=7)).shape == (3, 7, 6)


def test_videos_encoded_before_give_the_same_similarity():
    model, ids = tiny_model(), torch.randint(5, 19, (4, 7))
    with torch.no_grad():
        tokens = model.encode_video(_videos())[0].unflatten(1, (2, -1))
        now, before = model(_videos(), ids).similarity, model(video_tokens=tokens, input_ids=ids).similarity
    assert torch.equal(now, before)


def test_a_forward_pass_needs_text_and_one_kind_of_video():
    model, ids = tiny_model(), torch.ones(1, 3, dtype=torch.long)
    for inputs, told in (({"pixel_values": _videos()}, "needs input_ids"), ({"input_ids": ids}, "video_tokens")):
        with pytest.raises(ValueError, match=told):
            model(**inputs)


def test_the_order_of_frames_matters():
    with torch.no_grad():
        forward = tiny_model().get_video_features(_videos(frames=4)).mean(dim=1)
        backward = tiny_model().get_video_features(_videos(frames=4).flip(1)).mean(dim=1)
    assert (forward - backward).abs().max() > 1e-3


def test_a_video_alone_gets_the_features_it_gets_in_a_batch():
    with torch.no_grad():
        together = tiny_model().get_video_features(_videos())
        alone = torch.cat([tiny_model().get_video_features(v[None]) for v in _videos()])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_padding_does_not_change_a_caption():
    ids, mask = torch.tensor([[2, 6, 9, 3]]), torch.ones(1, 4, dtype=torch.long)
    padded, longer = torch.tensor([[2, 6, 9, 3, 0, 0]]), torch.tensor([[1, 1, 1, 1, 0, 0]])
    with torch.no_grad():
        first, second = tiny_model().get_text_features(ids, mask), tiny_model().get_text_features(padded, longer)
    torch.testing.assert_close(first, second, atol=1e-6, rtol=0)


def test_saved_models_and_processors_load_through_the_auto_classes(tmp_path):
    model, processor = tiny_model(), tiny_processor(num_frames=3)
    with torch.no_grad():
        model.temp.fill_(0.123)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").exists() and not list(tmp_path.glob("*.bin"))
    loaded, info = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert isinstance(loaded, UMTModel) and isinstance(AutoConfig.from_pretrained(tmp_path), UMTConfig)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    again = AutoProcessor.from_pretrained(tmp_path)
    assert (again.num_frames, again.image_size, again.max_length) == (3, 16, 12)
    frames = np.random.default_rng(0).integers(0, 256, (5, 20, 30, 3), dtype=np.uint8)
    first, second = processor(videos=[frames], text=["a red ball"]), again(videos=[frames], text=["a red ball"])
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_missing_temperature_starts_at_its_initial_value(tmp_path):
    model = tiny_model()
    state = {name: tensor for name, tensor in model.state_dict().items() if name != "temp"}
    model.save_pretrained(tmp_path, state_dict=state)
    loaded, info = UMTModel.from_pretrained(tmp_path, output_loading_info=True)
    assert set(info["missing_keys"]) == {"temp"} and loaded.temp.item() == pytest.approx(0.07)


def test_the_temperature_stays_in_its_range():
    model = tiny_model()
    for given, kept in ((7.0, 0.5), (-1.0, 0.001), (0.2, 0.2)):
        with torch.no_grad():
            model.temp.fill_(given)
        assert model.clamped_temperature().item() == pytest.approx(kept)


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="temprature"):
        tiny_config(temprature=0.1)


def test_a_vision_tower_that_merges_frames_is_refused():
    with pytest.raises(ValueError, match="tubelet_size=2"):
        UMTConfig(vision_config={"tubelet_size": 2})


def test_settings_survive_a_round_trip():
    config = UMTConfig.from_dict(tiny_config(temperature=0.2).to_dict())
    assert config.temperature == 0.2 and config.vision_config.hidden_size == 12
    assert isinstance(config.vision_config, VideoMAEConfig) and isinstance(config.text_config, BertConfig)


def test_contrastive_loss_is_the_mean_of_both_cross_entropies():
    logits = np.random.default_rng(0).normal(size=(4, 4))
    rows = [-np.log(np.exp(logits[i, i]) / np.exp(logits[i]).sum()) for i in range(4)]
    columns = [-np.log(np.exp(logits[i, i]) / np.exp(logits[:, i]).sum()) for i in range(4)]
    expected = (np.mean(rows) + np.mean(columns)) / 2
    assert contrastive_loss(torch.tensor(logits)).item() == pytest.approx(expected)


def test_videos_that_occur_twice_share_their_target():
    logits = torch.zeros(3, 3)
    logits[0, 1] = logits[1, 0] = 50.0
    ids = torch.tensor([7, 7, 8])
    swapped = logits[[1, 0, 2]]
    assert contrastive_loss(logits, ids).item() == pytest.approx(contrastive_loss(swapped, ids).item())
    assert contrastive_loss(logits).item() > contrastive_loss(swapped).item() + 10


def test_the_position_table_alternates_sine_and_cosine():
    table = sinusoid_table(5, 4)[0].numpy()
    assert table[3, 0] == pytest.approx(np.sin(3)) and table[3, 1] == pytest.approx(np.cos(3))
    assert table[3, 2] == pytest.approx(np.sin(0.03)) and table[3, 3] == pytest.approx(np.cos(0.03))


@pytest.fixture(scope="module")
def golden(shared):
    path = shared / "reference" / "golden" / "umt_tiny.pt"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    return torch.load(path, weights_only=True)


def _golden_config(golden) -> UMTConfig:
    sizes, bert = golden["vision"], golden["bert"]
    vision = dict(image_size=sizes["img"], patch_size=sizes["patch"], num_frames=sizes["frames"])
    vision |= dict(hidden_size=sizes["dim"], intermediate_size=4 * sizes["dim"], num_hidden_layers=sizes["depth"])
    vision |= dict(num_attention_heads=sizes["heads"])
    text = {key: value for key, value in bert.items() if key in BertConfig().to_dict() and key != "model_type"}
    text |= dict(num_hidden_layers=bert["fusion_layer"])
    return UMTConfig(vision_config=vision, text_config=text, projection_dim=golden["embed_dim"])


@pytest.fixture(scope="module")
def converted(golden):
    model = UMTModel(_golden_config(golden)).eval()
    model.load_state_dict(convert_state_dict(golden["state_dict"], model.config), strict=True)
    return model


def test_vision_tower_matches_the_official_code(golden, converted):
    with torch.no_grad():
        tokens, pooled = converted.encode_video(golden["video_BTCHW"])
    torch.testing.assert_close(tokens, golden["vision_embeds"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(pooled, golden["pooled_vision"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(sinusoid_table(16, 48), golden["pos_table_16x48"], atol=1e-6, rtol=0)


def test_text_mode_matches_the_official_code(golden, converted):
    with torch.no_grad():
        hidden = converted.encode_text(golden["input_ids"], golden["attention_mask"])
    real = golden["attention_mask"].bool()
    torch.testing.assert_close(hidden[real], golden["text_embeds"][real], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("ids", "key"), [([0, 1, 2], "vtc_loss_idx_0_1_2"), ([0, 0, 1], "vtc_loss_idx_0_0_1")])
def test_similarity_and_loss_match_the_official_code(golden, converted, ids, key):
    inputs = dict(input_ids=golden["input_ids"], attention_mask=golden["attention_mask"])
    with torch.no_grad():
        out = converted(golden["video_BTCHW"], **inputs, video_ids=torch.tensor(ids), return_loss=True)
    torch.testing.assert_close(out.similarity, golden["sim_v2t_no_temp"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(out.similarity / converted.temp, golden["sim_v2t_temp"], atol=1e-4, rtol=1e-4)
    assert out.loss.item() == pytest.approx(golden[key].item(), abs=1e-4)


def test_the_pretraining_layout_converts_to_the_same_tensors(golden, converted):
    """Pre-training checkpoints have a `bert.` level, a `model` level, and heads that retrieval does not use."""
    flat = {name.replace("text_encoder.", "text_encoder.bert."): t for name, t in golden["state_dict"].items()}
    flat["text_encoder.cls.predictions.bias"] = torch.zeros(100)
    flat["clip_teacher.conv1.weight"] = torch.zeros(3)
    state = convert_state_dict({"model": flat}, converted.config)
    for name, tensor in converted.state_dict().items():
        assert torch.equal(state[name], tensor), name


def test_a_checkpoint_that_lacks_a_tensor_is_refused_by_name(golden, converted):
    state = {
        n: t for n, t in golden["state_dict"].items() if not n.startswith("vision_encoder.encoder.blocks.2.mlp.fc2")
    }
    with pytest.raises(CheckpointError, match=r"encoder\.layer\.2\.output\.dense\.weight"):
        convert_state_dict(state, converted.config)
