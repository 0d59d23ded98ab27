"""The selector's loss against plain arithmetic, and its Trainer over real steps."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from transformers import EvalPrediction, TrainingArguments

from panda_hf.models.umt import UMTModel
from panda_hf.training.selector import (
    SelectorCollator,
    SelectorExample,
    SelectorLoss,
    learned_targets,
    selector_metrics,
    train_on_candidates,
    video_tokens,
)
from tests.models.umt_sizes import tiny_model, tiny_processor

B, K = 3, 4


def _problem(seed: int = 0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(B, B, K)) * 3
    positive = [2, 0, 1]
    present = np.ones((B, K), dtype=bool)
    present[1, 3] = False
    targets = np.eye(K)[positive]
    return logits, targets, present, positive


def _to_text(logits, present, positive, weight):
    """-log( e^s(i,i+) / (sum over own candidates e^s + weight * sum over others' e^s) ), clip by clip."""
    losses = []
    for i in range(B):
        own = sum(np.exp(logits[i, i, k]) for k in range(K) if present[i, k])
        others = sum(np.exp(logits[i, j, k]) for j in range(B) for k in range(K) if j != i and present[j, k])
        losses.append(-np.log(np.exp(logits[i, i, positive[i]]) / (own + weight * others)))
    return np.mean(losses)


def _to_video(logits, positive, weight):
    losses = []
    for j in range(B):
        column = [np.exp(logits[i, j, positive[j]]) * (1 if i == j else weight) for i in range(B)]
        losses.append(-np.log(column[j] / sum(column)))
    return np.mean(losses)


@pytest.mark.parametrize("weight", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("direction", ["plain", "weighted", "none"])
def test_the_loss_is_the_formula(weight, direction):
    logits, targets, present, positive = _problem()
    to_text = _to_text(logits, present, positive, weight)
    to_video = _to_video(logits, positive, weight if direction == "weighted" else 1.0)
    expected = to_text if direction == "none" else (to_text + to_video) / 2
    loss = SelectorLoss(other_clips=weight, text_to_video=direction)
    found = loss(torch.tensor(logits), torch.tensor(targets), torch.tensor(present))
    assert found.item() == pytest.approx(expected)


def test_weight_zero_leaves_only_a_clips_own_candidates():
    logits, targets, present, positive = _problem()
    found = SelectorLoss(other_clips=0.0, text_to_video="none")(*map(torch.tensor, (logits, targets, present)))
    assert found.item() == pytest.approx(_to_text(logits, present, positive, 0.0))


def test_shared_targets_are_the_mean_of_the_losses_of_each():
    logits, _, present, _ = _problem()
    losses = [_to_text(logits, present, [k, k, k], 0.01) for k in (0, 2)]
    targets = torch.tensor([[0.5, 0, 0.5, 0]] * B, dtype=torch.float64)
    found = SelectorLoss(text_to_video="none")(torch.tensor(logits), targets, torch.tensor(present))
    assert found.item() == pytest.approx(np.mean(losses))


def test_padding_has_no_gradient():
    logits, targets, present, _ = _problem()
    variable = torch.tensor(logits, requires_grad=True)
    SelectorLoss()(variable, torch.tensor(targets), torch.tensor(present)).backward()
    assert variable.grad[:, 1, 3].abs().max() == 0 and variable.grad.isfinite().all()


def test_targets_go_to_the_best_candidates():
    assert learned_targets([0.2, 0.9, 0.9]) == (0.0, 0.5, 0.5)
    soft = learned_targets([1.0, 0.0], temperature=0.5)
    assert soft[0] / soft[1] == pytest.approx(np.exp(2)) and sum(soft) == pytest.approx(1)


@pytest.mark.parametrize("targets", [(0.5, 0.2), (1.0,), (2.0, -1.0)])
def test_targets_that_are_no_shares_are_refused(targets):
    with pytest.raises(ValueError, match="must be shares"):
        SelectorExample(np.zeros((1, 2, 2, 3), np.uint8), ("a", "b"), targets)


def test_metrics_count_right_picks_and_right_neighbours():
    scores = np.array([[0.9, 0.1], [0.2, 0.3], [0.5, 0.4]])
    targets = np.array([[1, 0], [1, 0], [0.5, 0.5]])
    videos = np.eye(3)
    texts = np.eye(3)[[0, 2, 1]]
    found = selector_metrics(EvalPrediction(predictions=(scores, videos, texts), label_ids=targets))
    assert found == {"picked": pytest.approx(2 / 3), "recall_at_1": pytest.approx(1 / 3)}


def _examples(count: int, seed: int = 0) -> list[SelectorExample]:
    rng = np.random.default_rng(seed)
    words = ["red", "blue", "green"]
    found = []
    for i in range(count):
        frames = rng.integers(0, 40, (2, 16, 16, 3), dtype=np.uint8)
        frames[..., i % 3] += 200
        captions = tuple(f"a {words[(i + k) % 3]} ball" for k in range(3 if i % 2 else 2))
        found.append(SelectorExample(frames, captions, (1.0, *[0.0] * (len(captions) - 1))))
    return found


def test_the_collator_pads_candidates_and_marks_them():
    batch = SelectorCollator(tiny_processor())(_examples(2))
    assert batch["pixel_values"].shape == (2, 2, 3, 16, 16)
    assert batch["input_ids"].shape[:2] == batch["attention_mask"].shape[:2] == (2, 3)
    assert batch["present"].tolist() == [[True, True, False], [True, True, True]]
    assert batch["targets"].tolist() == [[1, 0, 0], [1, 0, 0]]


def test_augmentation_reaches_the_pixels():
    plain = SelectorCollator(tiny_processor())(_examples(1))["pixel_values"]
    dark = SelectorCollator(tiny_processor(), augment=lambda frames: frames // 2)(_examples(1))["pixel_values"]
    assert dark.mean() < plain.mean()


def _arguments(folder, steps, **changes):
    settings = dict(output_dir=str(folder), max_steps=steps, per_device_train_batch_size=4, learning_rate=1e-2)
    settings |= dict(save_strategy="steps", save_steps=2, logging_steps=1, report_to=[], use_cpu=True, seed=1)
    return TrainingArguments(**settings | dict(disable_tqdm=True) | changes)


def test_training_learns_to_pick(tmp_path):
    model = tiny_model()
    arguments = _arguments(tmp_path, 60, save_strategy="no")
    found = train_on_candidates(model, tiny_processor(), _examples(30), _examples(12, seed=9), arguments)
    assert found["eval_picked"] == 1.0
    assert model.config.temperature_min <= model.temp.item() <= model.config.temperature_max


def test_words_are_learned_over_videos_that_were_encoded_before(tmp_path):
    model, processor = tiny_model(), tiny_processor()
    before = {name: tensor.clone() for name, tensor in model.vision_model.state_dict().items()}
    seen = []
    for examples in (_examples(30), _examples(12, seed=9)):
        tokens = video_tokens(model, processor, [example.frames for example in examples])
        assert tokens[0].shape == (2, 4, 12) and tokens[0].dtype == np.float16
        seen.append([dataclasses.replace(e, frames=t) for e, t in zip(examples, tokens, strict=True)])
    found = train_on_candidates(model, processor, *seen, _arguments(tmp_path, 80, save_strategy="no"))
    assert found["eval_picked"] >= 0.9
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.vision_model.state_dict().items())


def test_an_interrupted_training_goes_on_where_it_was(tmp_path):
    straight, halted = tiny_model(), tiny_model()
    examples, processor = _examples(8), tiny_processor()
    common = dict(lr_scheduler_type="constant")
    train_on_candidates(straight, processor, examples, examples, _arguments(tmp_path / "a", 4, **common))
    train_on_candidates(halted, processor, examples, examples, _arguments(tmp_path / "b", 2, **common))
    saved = UMTModel.from_pretrained(tmp_path / "b" / "checkpoint-2")
    assert all(torch.equal(t, saved.state_dict()[name]) for name, t in halted.state_dict().items())
    resumed = tiny_model(seed=5)  # its weights must come from the checkpoint
    train_on_candidates(resumed, processor, examples, examples, _arguments(tmp_path / "b", 4, **common))
    state = json.loads((tmp_path / "b" / "checkpoint-4" / "trainer_state.json").read_text())
    assert [entry["step"] for entry in state["log_history"] if "loss" in entry] == [1, 2, 3, 4]
    for (name, first), second in zip(straight.state_dict().items(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(first, second, msg=name, atol=1e-6, rtol=1e-5)
