"""What the miniature's student reads before it captions, and whose eyes it does so with."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from panda_hf.errors import PandaError
from panda_hf.mini.render import render_scene_frames
from panda_hf.mini.selector_teachers import Judged
from panda_hf.mini.student_data import names_in, without_guessed_names
from panda_hf.mini.student_eyes import Eyes, known_eyes
from panda_hf.mini.student_model import student, video_llama
from panda_hf.mini.student_reading import (
    Reader,
    Reading,
    Sentences,
    collated,
    learn_to_read,
    words_right,
)
from panda_hf.mini.world import Scene, random_scene
from panda_hf.models.checkpoints import resolve
from panda_hf.models.student import PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.training.student import IGNORED

Student = tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor]


def scene(number: int) -> Scene:
    return random_scene(np.random.default_rng(number), "train")


def clip(*captions: str, subtitle: str | None = None, title: str | None = None) -> Judged:
    frames = np.random.default_rng(len(captions)).integers(0, 256, (8, 112, 112, 3), np.uint8)
    return Judged("train.0", frames, captions, scene(0), title, None, subtitle)


@pytest.fixture(scope="module")
def videos() -> list[np.ndarray]:
    scenes = [scene(i) for i in range(16)]
    return [render_scene_frames(one, np.linspace(0.1, one.duration - 0.1, 8).tolist(), (126, 224)) for one in scenes]


@pytest.fixture(scope="module")
def eyes(videos: list[np.ndarray]) -> Eyes:
    return known_eyes(video_llama()[0].vision_model, videos[:12])


@pytest.fixture(scope="module")
def beginner(eyes: Eyes, videos: list[np.ndarray]) -> Student:
    return student(eyes, videos)


def test_captions_with_a_guessed_name_are_not_learned_from() -> None:
    shown = clip("a ball called kiki", "a ball called lulu", "a ball in rome", "a ball", subtitle="Meet Lulu!")
    assert without_guessed_names(shown, [0.4, 0.3, 0.9, None]) == [None, 0.3, None, None]
    assert names_in("Meet Lulu! My sister lives far away in Rome.") == {"lulu", "rome"}


def test_where_all_captions_guess_all_stay() -> None:
    assert without_guessed_names(clip("a ball called kiki", ""), [0.4, None]) == [0.4, None]


def test_sentences_are_repeated_where_they_stood() -> None:
    told = [clip(subtitle="Meet Kiki! It was a long week.", title="A day in Rome"), clip(subtitle="[Music]")]
    readings = Sentences(told, 60, seed=1)
    seen = {tuple(readings[i]) for i in range(len(readings))}
    assert seen == {
        ("Meet Kiki!", None, None, "Meet Kiki!"),
        ("It was a long week.", None, None, "It was a long week."),
        (None, "A day in Rome", None, "A day in Rome"),
        ("[Music]", None, None, "[Music]"),
    }
    assert readings[7] == Sentences(told, 60, seed=1)[7]
    assert [readings[i] for i in range(60)] != [Sentences(told, 60, seed=2)[i] for i in range(60)]
    named = sum(bool(names_in(readings[i].answer)) for i in range(60))
    assert named > 36  # six of ten, and half of the rest


def test_clips_without_any_words_teach_no_reading() -> None:
    with pytest.raises(PandaError, match="none of 2 clips"):
        Sentences([clip("a cube"), clip("a ball", title="...")], 4, seed=0)


def test_the_reader_hears_the_text_and_learns_nothing_of_seeing(beginner: Student, videos: list[np.ndarray]) -> None:
    model, processor = copy.deepcopy(beginner[0]), beginner[1]
    pixels = torch.stack([processor.prepare_video(video) for video in videos[:2]])
    reader = Reader(model, model.get_video_features(pixels).detach())
    asked = collated(processor, [Reading(f"Meet {name}!", None, None, "meet somebody") for name in ("Kiki", "Lulu")])
    torch.manual_seed(0)
    found = reader(**asked)
    assert found["logits"].shape == asked["labels"].shape
    found["loss"].backward()
    learned = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert learned == {"text_position_embedding", "text_qformer", "language_model"}


def test_the_loss_is_that_of_the_answer_given_the_text(beginner: Student, videos: list[np.ndarray]) -> None:
    model, processor = beginner
    with torch.no_grad():
        seen = model.get_video_features(processor.prepare_video(videos[0])[None])
        asked = collated(processor, [Reading("Meet Kiki!", None, None, "meet kiki")])
        loss = Reader(model, seen)(**asked)["loss"]
        text, _ = model.get_text_features(seen, asked["prompt_ids"], asked["prompt_mask"])
        embed = model.get_input_embeddings()
        start, words = embed(torch.tensor([[model.config.start_token_id]])), embed(asked["input_ids"])
        scores = model.language_model(inputs_embeds=torch.cat([start, text, words], dim=1)).logits[0]
    chances = scores.log_softmax(dim=-1)
    count = asked["input_ids"].shape[1]
    right = [chances[32 + i, asked["input_ids"][0, i]] for i in range(count)]  # 32 tokens of text after the start
    assert float(loss) == pytest.approx(-float(torch.stack(right).mean()), rel=1e-4)


def test_reading_changes_the_text_branch_and_the_writer_alone(beginner: Student, tmp_path: Path) -> None:
    model, processor = copy.deepcopy(beginner[0]), beginner[1]
    before = copy.deepcopy(model.state_dict())
    told = [clip("a ball called kiki", subtitle="Meet Kiki!"), clip("a cube", title="A day in Rome")]
    found = learn_to_read(model, processor, told, tmp_path, scale=0.01)
    assert 0 <= found["right"] <= 1 and found["loss"] > 0
    changed = {
        name.split(".")[0] for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])
    }
    assert changed == {"text_position_embedding", "text_qformer", "language_model"}


def test_right_words_are_counted_where_something_was_asked() -> None:
    labels = np.array([[4, 5, 2], [6, 2, IGNORED]])
    guesses = np.array([[4, 9, 2], [9, 2, 2]])
    assert words_right(type("P", (), {"predictions": guesses, "label_ids": labels})())["right"] == pytest.approx(3 / 5)  # type: ignore[arg-type]


def test_known_eyes_are_the_shipped_student_s_and_their_line_is_the_nearest(
    eyes: Eyes, videos: list[np.ndarray]
) -> None:
    shipped = PandaStudentForConditionalGeneration.from_pretrained(resolve("mini/student"), dtype=torch.float32)
    mine, theirs = eyes.tower.state_dict(), shipped.vision_model.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    other = video_llama()[0].vision_model
    processor = PandaStudentProcessor.from_pretrained(resolve("mini/student"))
    pixels = torch.cat([processor.prepare_video(video) for video in videos[12:]])  # not seen yet
    with torch.no_grad():
        small = torch.nn.functional.interpolate(pixels, (72, 72), mode="bilinear", antialias=True, align_corners=False)
        told = other(pixel_values=small).last_hidden_state[:, 1:]
        tokens = eyes.tower(pixel_values=pixels).last_hidden_state[:, 1:]
        squares = (
            tokens.reshape(len(pixels), 4, 2, 4, 2, -1).mean(dim=(2, 4)).flatten(1, 2)
        )  # 8 by 8 patches to 4 by 4
        left = (eyes.line(squares) - told).pow(2).mean() / (told - told.mean(dim=(0, 1))).pow(2).mean()
    assert left < 0.6
