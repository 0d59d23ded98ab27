"""The whole UMT in training: its own rejected captions as wrong texts, its matching head, and several processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from panda_hf.models.umt import UMTForVideoTextRetrieval
from panda_hf.models.umt.modeling_umt import similarity
from panda_hf.training.gathering import gathered
from panda_hf.training.selector import SelectorCollator, SelectorLoss, train_on_candidates
from tests.models.umt_sizes import tiny_config, tiny_processor
from tests.training.test_selector import _arguments, _examples


def whole(seed: int = 0) -> UMTForVideoTextRetrieval:
    torch.manual_seed(seed)
    return UMTForVideoTextRetrieval(tiny_config(fusion_layers=2))


def batch(count: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """What the whole model takes of examples, with absent candidates marked."""
    made = SelectorCollator(tiny_processor())(_examples(count))
    targets = made["targets"].masked_fill(~made["present"], -1.0)
    texts = {name: made[name].flatten(0, 1) for name in ("input_ids", "attention_mask")}
    return {"pixel_values": made["pixel_values"], **texts}, targets


@torch.no_grad()
def test_wrong_texts_are_a_videos_own_rejected_candidates() -> None:
    model, (inputs, targets) = whole().eval(), batch(6)
    seen = []
    model.matching_logits, logits = (  # type: ignore[method-assign]
        lambda hidden, mask, tokens: seen.append(hidden) or logits(hidden, mask, tokens),
        model.matching_logits,
    )
    model(**inputs, targets=targets)
    hidden = model.umt.encode_text(inputs["input_ids"], inputs["attention_mask"]).unflatten(0, tuple(targets.shape))
    looked = seen[0]
    assert len(looked) == 18
    for i in range(6):
        torch.testing.assert_close(looked[i], hidden[i, 0])
        torch.testing.assert_close(looked[6 + i], hidden[i, 0])
        wrong = [(looked[12 + i] - candidate).abs().max().item() < 1e-6 for candidate in hidden[i]]
        assert wrong[0] is False and any(wrong[1:]) and not (targets[i, 2] < 0 and wrong[2])


@torch.no_grad()
def test_a_video_without_rejected_candidates_gives_no_wrong_text() -> None:
    model, (inputs, targets) = whole().eval(), batch(4)
    targets[1] = torch.tensor([1.0, 1.0, -1.0])
    out = model(**inputs, targets=targets)
    assert len(out.matching_logits) == 11 and out.matching_loss.isfinite()


def test_training_teaches_the_matching_head(tmp_path: Path) -> None:
    model, (inputs, targets) = whole(), batch(12)

    @torch.no_grad()
    def matching_loss() -> float:
        drawn = torch.Generator().manual_seed(0)
        return float(model.eval()(**inputs, targets=targets, generator=drawn).matching_loss)

    before = matching_loss()
    arguments = _arguments(tmp_path, 150, save_strategy="no", per_device_train_batch_size=8)
    found = train_on_candidates(model, tiny_processor(), _examples(30), _examples(12, seed=9), arguments)
    assert found["eval_picked"] >= 0.8
    # Saying "one of three" of every pair gives 0.637.
    assert matching_loss() < 0.6 < before


def test_without_its_weight_the_matching_head_learns_nothing(tmp_path: Path) -> None:
    model = whole()
    before = model.itm_head.weight.clone()
    arguments = _arguments(tmp_path, 3, save_strategy="no", weight_decay=0.0)
    loss = SelectorLoss(matching=0.0)
    train_on_candidates(model, tiny_processor(), _examples(8), _examples(4), arguments, loss=loss)
    assert torch.equal(model.itm_head.weight, before)


def embeddings() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Six clips with three candidates, of which those of the second half have only two."""
    drawn = torch.Generator().manual_seed(0)
    videos = torch.nn.functional.normalize(torch.randn(6, 2, 5, generator=drawn), dim=-1)
    texts = torch.nn.functional.normalize(torch.randn(6, 3, 5, generator=drawn), dim=-1)
    targets = torch.eye(3)[[0, 1, 2, 0, 1, 1]]
    present = torch.ones(6, 3, dtype=torch.bool)
    present[3:, 2] = False
    return videos, texts, targets, present


def loss_of(videos: torch.Tensor, texts: torch.Tensor, targets: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    cosine = similarity(videos, texts.flatten(0, 1)).unflatten(1, tuple(present.shape))
    return SelectorLoss()(cosine / 0.1, targets, present)


def _one_process(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    own, most = slice(3 * rank, 3 * rank + 3), 3 - rank
    videos, texts, targets, present = embeddings()
    mine = videos[own].clone().requires_grad_(), texts[own, :most].clone().requires_grad_()
    loss = loss_of(*gathered(*mine, targets[own, :most], present[own, :most]))
    loss.backward()
    found: dict[str, Any] = {"loss": loss.detach(), "videos": mine[0].grad, "texts": mine[1].grad}
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.skipif(not dist.is_available(), reason="this torch has no distributed package")
def test_two_processes_contrast_as_one_does(tmp_path: Path) -> None:
    mp.spawn(_one_process, args=(str(tmp_path),), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    videos, texts, targets, present = embeddings()
    videos.requires_grad_(), texts.requires_grad_()
    loss = loss_of(videos, texts, targets, present)
    loss.backward()
    for rank, part in enumerate(parts):
        own, most = slice(3 * rank, 3 * rank + 3), 3 - rank
        torch.testing.assert_close(part["loss"], loss.detach())
        # Data-parallel training takes the mean over processes: half of twice.
        torch.testing.assert_close(part["videos"] / 2, videos.grad[own])
        torch.testing.assert_close(part["texts"] / 2, texts.grad[own, :most])
