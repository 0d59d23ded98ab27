"""A small benchmark that several tests of evaluation use."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.mini.benchmark import write_benchmark


@pytest.fixture(scope="session")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips of one film with 20 references each."""
    out = tmp_path_factory.mktemp("benchmark") / "mini"
    write_benchmark(out, 1)
    return out


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP with random weights, as a folder that a Hub id would be."""
    import torch
    from transformers import BertTokenizerFast, CLIPConfig, CLIPImageProcessor, CLIPModel

    folder = tmp_path_factory.mktemp("clip")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"a the ball cube red blue".split()]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=16).save_pretrained(folder)
    tower = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={**tower, "vocab_size": len(words), "max_position_embeddings": 16, "eos_token_id": 3},
        vision_config={**tower, "image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder
