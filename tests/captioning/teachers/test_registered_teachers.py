"""Every class that the registry names: built tiny, saved, loaded by path through its teacher, given real clips."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, Features

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames
from panda_hf.captioning.registry import TeacherCard, card_of, cards, teachers_of
from panda_hf.captioning.teachers import base
from panda_hf.captioning.teachers.base import ClipInput, Teacher, load_teacher
from panda_hf.models.loading import Loading
from panda_hf.models.release import release_models
from panda_hf.pipeline import run_steps
from panda_hf.stage import apply
from panda_hf.video import pack_frames, unpack_frames
from tests.captioning import tiny
from tests.captioning.teachers.zoo import BUILDERS
from tests.stages import clip_row, write_film

WORDS = [
    {"title": "the red ball", "description": None, "subtitle": None},
    {"title": None, "description": 'a "quoted" one', "subtitle": "kiki says look at the red ball on the left"},
    {"title": None, "description": None, "subtitle": None},
]


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "squares.mp4", shots=3)


@pytest.fixture(scope="session")
def clips(film) -> list[ClipInput]:
    """Three clips of a real film, of different lengths and with different words around them."""
    spans = [(0.0, 3.0), (3.1, 5.9), (6.0, 8.5)]
    rows = [clip_row(film, *span, i) for i, span in enumerate(spans)]
    packed = apply(Dataset.from_list(rows, features=Features(schema.CLIP_ROW)), SampleFrames())
    return [
        ClipInput(row["clip_id"], unpack_frames(row["frames"]).copy(), tuple(row["frames"]["times"]), **words)
        for row, words in zip(packed, WORDS, strict=True)
    ]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """The folder of a tiny model of a class, made once."""
    folder, made = tmp_path_factory.mktemp("zoo"), {}

    def get(model_class: str) -> str:
        if model_class not in made:
            torch.manual_seed(0)
            made[model_class] = str(BUILDERS[model_class](folder / model_class))
        return made[model_class]

    return get


def tiny_card(name: str, checkpoint) -> TeacherCard:
    """The card of a registered teacher, with tiny checkpoints in place of the real ones."""
    card = card_of(name)
    classes = card.model_class.split(", ")
    parts = tuple((role, checkpoint(cls)) for (role, _), cls in zip(card.parts, classes, strict=False))
    decoding = dataclasses.replace(card.decoding, max_new_tokens=6)
    return dataclasses.replace(card, checkpoint=checkpoint(classes[-1]), parts=parts, decoding=decoding)


def teacher_of(name: str, checkpoint) -> Teacher:
    return load_teacher(tiny_card(name, checkpoint), "cpu")


LOADED = [name for name, card in cards().items() if not card.checkpoint.startswith("mini/")]


def each(names: Iterable[str]) -> list:
    """Every name; slow are those of the same class, input and decoding as one before: their tiny models are equal."""
    params, known = [], set()
    for name in names:
        card = card_of(name)
        decoding = dataclasses.replace(card.decoding, max_new_tokens=6)  # as all are tried
        kind = (card.model_class, card.sees, card.prompt, card.num_frames, decoding)
        params.append(pytest.param(name, marks=pytest.mark.slow if kind in known else ()))
        known.add(kind)
    return params


@pytest.mark.parametrize("name", each(LOADED))
def test_a_registered_teacher_captions_a_batch_as_it_captions_one_clip(name, checkpoint, clips):
    teacher = teacher_of(name, checkpoint)
    decoding = teacher.card.decoding
    together = list(teacher.caption(clips, decoding))
    alone = [teacher.caption([clip], decoding)[0] for clip in clips]
    assert together == alone
    assert len(together) == 3 and any(tiny.texts(together))
    assert list(teacher.caption(clips[::-1], decoding)) == together[::-1]


def test_every_class_that_the_registry_names_is_tried():
    named = {cls for card in cards().values() for cls in card.model_class.split(", ")}
    assert named <= set(BUILDERS), sorted(named - set(BUILDERS))


@pytest.mark.parametrize("name", each(LOADED))
def test_a_registered_teacher_sees_the_pixels(name, checkpoint, clips):
    """Random weights say something else of nearly any other picture; a teacher that is blind never would."""
    teacher = teacher_of(name, checkpoint)
    decoding = dataclasses.replace(teacher.card.decoding, max_new_tokens=6, num_beams=1)
    rng = np.random.default_rng(0)
    others = [dataclasses.replace(clips[0], frames=noise(rng, clips[0].frames.shape)) for _ in range(4)]
    assert len(set(teacher.caption([clips[0], *others], decoding))) > 1


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Frames of large coloured squares, so that resizing leaves something of them."""
    squares = rng.integers(0, 256, (shape[0], 4, 4, 3), np.uint8)
    return squares.repeat(-(-shape[1] // 4), 1).repeat(-(-shape[2] // 4), 2)[:, : shape[1], : shape[2]]


@pytest.mark.parametrize("name", each(name for name in LOADED if {"subtitle", "text"} & set(card_of(name).sees)))
def test_a_registered_teacher_that_may_read_subtitles_is_told_them(name, checkpoint, clips):
    """Random weights may say the same whatever is told, be it the likeliest words or drawn ones, but hardly both."""
    teacher = teacher_of(name, checkpoint)
    likeliest = dataclasses.replace(teacher.card.decoding, max_new_tokens=6, num_beams=1)
    drawn = dataclasses.replace(likeliest, sample=True, temperature=2.0, top_p=1.0)
    plain = dataclasses.replace(clips[2], subtitle=None)
    words = ("red ball", "kiki zuzu kiki", "ocean left", "left left left left", "a large cube", "zuzu", "snow")
    told = [dataclasses.replace(plain, subtitle=said) for said in words]
    said = [set(teacher.caption([plain, *told], decoding)) for decoding in (likeliest, drawn)]
    deaf = [set(teacher.caption([plain] * 3, decoding)) for decoding in (likeliest, drawn)]
    assert max(map(len, said)) > 1 and [len(one) for one in deaf] == [1, 1]


def test_registered_teachers_run_as_a_stage_over_a_dataset(clips):
    rows = [
        {
            "clip_id": c.clip_id,
            "frames": pack_frames(c.frames, list(c.times)),
            "title": c.title,
            "subtitle": c.subtitle,
        }
        for c in clips
    ]
    features = {"clip_id": schema.Value("string"), **schema.FRAMES_COLUMNS}
    features |= {"title": schema.Value("string"), "subtitle": schema.Value("string")}
    dataset = Dataset.from_list(rows, features=Features(features))
    stage = Caption(teacher="blip2_opt_2_7b", checkpoint="mini/image")  # of the same class, and has learned to end
    done = apply(dataset, stage)
    alone = [apply(dataset.select([i]), stage)[0]["caption_blip2_opt_2_7b"] for i in range(3)]
    assert list(done["caption_blip2_opt_2_7b"]) == alone and all(alone)
    assert done["error"][:] == [None] * 3


ONE_OF_EACH = {cards()[name].model_class: name for name in reversed(LOADED)}.values()
"""One teacher for each class or combination of classes."""


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_registered_teacher_runs_in_half_precision_as_on_a_gpu(name, dtype, checkpoint, clips):
    teacher = load_teacher(tiny_card(name, checkpoint), "cpu", Loading(dtype=dtype))
    assert len(tiny.texts(teacher.caption(clips[:2], teacher.card.decoding))) == 2
    assert str(teacher.model.get_output_embeddings().weight.dtype) == f"torch.{dtype}"


def test_the_eight_of_the_paper_follow_one_another_over_a_dataset(checkpoint, film, monkeypatch):
    """Each writes its column, and no more than one teacher's models are in memory at any time."""
    held, real = [], base._load_pair
    alive: list[weakref.ref] = []

    def counted(*args):
        pair = real(*args)
        alive[:] = [ref for ref in alive if ref() is not None and ref() is not pair[0]] + [weakref.ref(pair[0])]
        held.append(len(alive))
        return pair

    monkeypatch.setattr(base, "_load_pair", counted)
    tiny_cards = [tiny_card(name, checkpoint) for name in teachers_of("paper")]
    steps = [Caption(teacher=c.name, checkpoint=c.checkpoint, parts=c.parts, max_new_tokens=4) for c in tiny_cards]
    rows = [clip_row(film, 0.0, 3.0, 0), clip_row(film, 3.1, 5.9, 1)]
    dataset = Dataset.from_list(rows, features=Features(schema.CLIP_ROW))
    release_models()
    done = run_steps(dataset, [SampleFrames(), *steps])
    assert done["error"][:] == [None, None]
    for name in teachers_of("paper"):
        failed = [{note["teacher"] for note in notes} for notes in done["caption_errors"]]
        written = done[f"caption_{name}"][:]
        assert all((text is None) == (name in notes) for text, notes in zip(written, failed, strict=True))
    assert max(held) == 3  # the pipeline of VideoChat Text; all others have one


@pytest.mark.slow
def test_another_process_writes_the_same(checkpoint, clips, tmp_path):
    """Neither the order of sets nor a random state of this process is in a caption: one draws words, one looks."""
    chosen = [tiny_card(name, checkpoint) for name in ("video_llama_finetune", "videochat_text")]
    here = [tiny.texts(load_teacher(card, "cpu").caption(clips, card.decoding)) for card in chosen]
    (tmp_path / "work.pickle").write_bytes(pickle.dumps((chosen, clips)))
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, str(tmp_path / "work.pickle")],
            capture_output=True,
            text=True,
            timeout=200,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert json.loads(done.stdout.splitlines()[-1]) == here, done.stderr


ELSEWHERE = """
import json, pickle, sys
from panda_hf.captioning.teachers.base import load_teacher
from tests.captioning.tiny import texts
cards, clips = pickle.load(open(sys.argv[1], "rb"))
print(json.dumps([texts(load_teacher(card, "cpu").caption(clips, card.decoding)) for card in cards]))
"""
