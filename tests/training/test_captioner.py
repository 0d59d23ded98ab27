"""Training of captioners: what the loss sees, and that an interrupted run ends where an undisturbed one does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset
from transformers import AutoModelForImageTextToText, TrainerCallback

from panda_hf.captioning.teachers.image_text_to_text import chat_prompt
from panda_hf.mini import teacher_models
from panda_hf.training.captioner import (
    IGNORED,
    CaptionCollator,
    CaptionerSettings,
    CaptionSample,
    save_half,
    train_captioner,
)
from panda_hf.training.states import last_complete_checkpoint
from tests.captioning import tiny

CAPTIONS = ["a red ball", "a small blue cube slides to the left", "a ring"]
BUILD = {
    "blip2": teacher_models.image_teacher,
    "blip2 with encoder": teacher_models.text_teacher,
    "llava": teacher_models.video_teacher,
}


def build(kind: str) -> teacher_models.Pair:
    torch.manual_seed(0)
    return BUILD[kind]()


class Samples(Dataset):
    """A frame of one brightness per caption."""

    def __init__(self, kind: str, processor, count: int = 24) -> None:
        self.kind, self.processor, self.count = kind, processor, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> CaptionSample:
        frame = np.full((24, 32, 3), 100 * (i % 3), np.uint8)
        if self.kind == "llava":
            return CaptionSample([frame, frame], chat_prompt(self.processor, "say", 2, False), CAPTIONS[i % 3])
        prompt = "" if self.kind == "blip2" else "red " * (i % 3)
        return CaptionSample([frame], prompt, CAPTIONS[i % 3])


@pytest.mark.parametrize("kind", BUILD)
def test_the_labels_are_the_caption_its_end_and_nothing_else(kind):
    _, processor = build(kind)
    samples = Samples(kind, processor)
    batch = CaptionCollator(processor, kind == "blip2 with encoder")([samples[i] for i in range(3)])
    for labels, caption in zip(batch["labels"], CAPTIONS, strict=True):
        words = processor.tokenizer.decode(labels[labels != IGNORED]).split()
        assert words == [*caption.split(), "</s>"]


@pytest.mark.parametrize("kind", ["blip2", "llava"])
def test_a_decoder_reads_what_it_shall_write_right_behind_the_prompt(kind):
    _, processor = build(kind)
    samples = Samples(kind, processor)
    batch = CaptionCollator(processor, False)([samples[i] for i in range(3)])
    ids, mask, labels = batch["input_ids"], batch["attention_mask"], batch["labels"]
    assert ids.shape == mask.shape == labels.shape
    assert torch.equal(ids[labels != IGNORED], labels[labels != IGNORED])
    for row, learned in zip(mask, labels != IGNORED, strict=True):
        used = row.nonzero().flatten()
        assert used.tolist() == list(range(int(used[0]), int(used[-1]) + 1))  # no hole between the two
        assert bool(learned[used[-1]])


def test_a_long_caption_is_cut_and_still_ends():
    _, processor = build("blip2")
    sample = CaptionSample([np.zeros((8, 8, 3), np.uint8)], "", "red " * 50)
    labels = CaptionCollator(processor, True, max_caption_tokens=5)([sample])["labels"][0]
    assert processor.tokenizer.decode(labels).split() == ["red"] * 4 + ["</s>"]


def test_a_sample_can_be_a_whole_video(tmp_path):
    from transformers import AutoProcessor

    folder = tiny.llava_onevision(tmp_path / "onevision")
    model = AutoModelForImageTextToText.from_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder)
    frames = list(np.random.default_rng(0).integers(0, 256, (4, 40, 60, 3), np.uint8))
    sample = CaptionSample(frames, chat_prompt(processor, "say", 1, True), "a red ball", as_video=True)
    batch = CaptionCollator(processor, False)([sample, sample])
    assert batch["pixel_values_videos"].shape[:2] == (2, 4)
    assert torch.isfinite(model(**batch).loss)


@pytest.mark.parametrize("kind", BUILD)
def test_training_learns_the_captions(kind, tmp_path):
    model, processor = build(kind)
    samples = Samples(kind, processor, count=120)
    collator = CaptionCollator(processor, kind == "blip2 with encoder")
    batch = collator([samples[i] for i in range(3)])
    before = float(model(**batch).loss.detach())
    train_captioner(model, processor, samples, tmp_path / "run", settings(steps=20))
    after = float(model.eval()(**batch).loss.detach())
    assert after < 0.5 * before


class Stop(TrainerCallback):
    """Ends a run as a kill would, behind its first checkpoint."""

    def on_save(self, args, state, control, **more):
        control.should_training_stop = True


@pytest.mark.parametrize("kind", ["blip2", "llava"])
def test_an_interrupted_run_ends_where_an_undisturbed_one_does(kind, tmp_path):
    whole, processor = build(kind)
    samples = Samples(kind, processor)
    train_captioner(whole, processor, samples, tmp_path / "whole", settings(steps=6))
    first, _ = build(kind)
    train_captioner(first, processor, samples, tmp_path / "halves", settings(steps=6), callbacks=[Stop()])
    assert last_complete_checkpoint(tmp_path / "halves").name == "checkpoint-3"
    second, _ = build(kind)
    train_captioner(second, processor, samples, tmp_path / "halves", settings(steps=6))
    for (name, a), (_, b) in zip(whole.state_dict().items(), second.state_dict().items(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("kind", ["blip2", "llava"])
def test_a_finished_run_that_is_resumed_makes_no_step(kind, tmp_path):
    first, processor = build(kind)
    samples = Samples(kind, processor)
    assert train_captioner(first, processor, samples, tmp_path, settings(steps=3)) > 0
    again, _ = build(kind)
    assert train_captioner(again, processor, samples, tmp_path, settings(steps=3), callbacks=[NoStep()]) is None
    for (name, a), (_, b) in zip(first.state_dict().items(), again.state_dict().items(), strict=True):
        assert torch.equal(a, b), name
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-3"]


class NoStep(TrainerCallback):
    """Fails where a step is made."""

    def on_step_begin(self, args, state, control, **more):
        raise AssertionError(f"a step behind {state.global_step}")


def test_weights_are_kept_in_half_and_read_in_full_precision(tmp_path):
    model, processor = build("llava")
    full = {name: weight.clone() for name, weight in model.state_dict().items()}
    save_half(model, processor, tmp_path / "saved")
    save_half(model, processor, tmp_path / "saved")  # again over the first
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]
    size = (tmp_path / "saved" / "model.safetensors").stat().st_size
    assert size < 2.2 * teacher_models.parameters(model)
    read = AutoModelForImageTextToText.from_pretrained(tmp_path / "saved", dtype=torch.float32)
    for name, weight in read.state_dict().items():
        assert weight.dtype == torch.float32
        torch.testing.assert_close(weight, full[name], rtol=1e-3, atol=1e-4)


def settings(steps: int) -> CaptionerSettings:
    return CaptionerSettings(steps=steps, batch_size=6, warmup_steps=2, save_every=3, log_every=10)


def test_paths_of_runs_are_made(tmp_path: Path):
    model, processor = build("blip2")
    out = tmp_path / "deep" / "run"
    train_captioner(model, processor, Samples("blip2", processor), out, settings(steps=1))
    assert (out / "checkpoint-1" / "trainer_state.json").exists()
