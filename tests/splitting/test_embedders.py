"""Vision models as frame embedders, on tiny ones with random weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
)

from panda_hf.errors import CheckpointError
from panda_hf.splitting import Split, SplitSettings
from panda_hf.splitting.convert_imagebind import convert_imagebind_vision
from panda_hf.splitting.embedders import load_embedder
from panda_hf.splitting.together import embed_frames
from panda_hf.video import sample_frames

from .films import moving, write

SIZES = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
VISION = dict(**SIZES, image_size=32, patch_size=8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION, projection_dim=16)).save_pretrained(folder)
    mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    CLIPImageProcessor(image_mean=mean, image_std=std).save_pretrained(folder)
    return folder


def test_clip_gives_projected_unit_vectors_of_whole_frames(clip: Path, tmp_path: Path):
    path = write(tmp_path / "film.mp4", [moving(1, 40)])
    times = [0.0, 1.0, 3.9]
    features = embed_frames(str(clip), str(path), times)
    frames = torch.from_numpy(sample_frames(str(path), times)).permute(0, 3, 1, 2) / 255
    squeezed = torch.nn.functional.interpolate(frames, (32, 32), mode="bilinear", antialias=True)
    pixels = (squeezed - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)
    with torch.no_grad():
        expected = CLIPVisionModelWithProjection.from_pretrained(clip)(pixels).image_embeds.numpy()
    assert features.shape == (3, 16) and features.dtype == np.float32
    np.testing.assert_allclose(features, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)


def test_the_image_tower_of_a_whole_clip_is_enough(tmp_path: Path):
    text = CLIPTextConfig(**SIZES, vocab_size=50, max_position_embeddings=8)
    CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=VISION, projection_dim=16)).save_pretrained(
        tmp_path
    )
    frames = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3)).astype(np.uint8)
    features = load_embedder(str(tmp_path))(frames)
    assert features.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)


def test_other_vision_models_work_too(tmp_path: Path):
    text = SiglipTextConfig(**SIZES, vocab_size=50, max_position_embeddings=8)
    siglip = SiglipModel(SiglipConfig(text_config=text.to_dict(), vision_config=VISION))
    for name, model in {"dino": Dinov2Model(Dinov2Config(**VISION)), "siglip": siglip}.items():
        model.save_pretrained(tmp_path / name)
        features = load_embedder(str(tmp_path / name))(np.zeros((1, 20, 30, 3), np.uint8))
        assert features.shape == (1, 32)
        assert np.linalg.norm(features) == pytest.approx(1, abs=1e-5)


def test_a_model_is_loaded_once(clip: Path):
    assert load_embedder(str(clip)) is load_embedder(str(clip))


def test_a_missing_model_is_named_with_what_would_do(tmp_path: Path):
    with pytest.raises(CheckpointError, match="no-such-model.*descriptor"):
        load_embedder(str(tmp_path / "no-such-model"))


def test_a_model_without_its_weights_is_refused(tmp_path: Path):
    """A tower without its projection would give random features."""
    from transformers import CLIPVisionModel

    CLIPVisionModel(CLIPVisionConfig(**VISION, projection_dim=16)).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="visual_projection"):
        load_embedder(str(tmp_path))


def test_split_stitches_with_a_model(clip: Path, tmp_path: Path):
    path = write(tmp_path / "film.mp4", [moving(1, 40), moving(2, 40)])
    always = SplitSettings(max_stitch_distance=2.0, still_distance=0.0)
    never = SplitSettings(max_stitch_distance=0.0, still_distance=0.0, redundancy_distance=0.0)
    video = {"video": [{"path": str(path), "bytes": None}]}
    assert len(Split(embedder=str(clip), settings=always)(video)["clips"][0]) == 1
    assert len(Split(embedder=str(clip), settings=never)(video)["clips"][0]) == 2


def test_the_descriptor_needs_no_torch():
    code = "import sys, panda_hf.splitting; assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.shared
def test_the_image_tower_of_imagebind_is_a_clip(shared: Path):
    golden = torch.load(shared / "reference/golden/imagebind_vision_tiny.pt", weights_only=True)
    model = convert_imagebind_vision(golden["state_dict"], heads=4)
    with torch.no_grad():
        features = model(golden["image"].float()).image_embeds
    features = torch.nn.functional.normalize(features, dim=-1)
    torch.testing.assert_close(features, golden["out"], atol=1e-6, rtol=0)


def test_other_weights_are_not_taken_for_imagebind():
    with pytest.raises(CheckpointError, match="rgbt_stem.proj.1.weight"):
        convert_imagebind_vision({"weight": torch.zeros(1)})
