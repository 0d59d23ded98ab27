"""Batches of like length, prepared in threads: the same captions in the order of the rows, whatever the batches."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any

import pytest

from panda_hf.captioning import ahead
from panda_hf.captioning.ahead import like_length, timed, write_all
from panda_hf.captioning.registry import Decoding, TeacherCard
from panda_hf.captioning.teachers.base import load_teacher
from panda_hf.stage import Failure
from tests.captioning import tiny

CARD = TeacherCard("slow", "blip2", "nowhere", ("image",))
DECODING = {"max_new_tokens": 5}  # handed on as it is


class Processor:
    """Something that can be copied, and be a key of a weak dictionary."""


@dataclasses.dataclass
class Slow:
    """Takes a while to prepare and to write, notes who did what, and breaks on chosen titles."""

    card: TeacherCard = CARD
    processor: Any = dataclasses.field(default_factory=Processor)
    seconds: float = 0.0
    prepared: list = dataclasses.field(default_factory=list)
    written: list = dataclasses.field(default_factory=list)
    busy: set = dataclasses.field(default_factory=set)

    def caption(self, clips, decoding):
        return self.write(clips, self.prepare(clips, self.processor), decoding)

    def length(self, clip):
        return len(clip.title)

    def prepare(self, clips, processor):
        assert processor not in self.busy, "two threads share a processor"
        self.busy.add(processor)
        time.sleep(self.seconds)
        self.busy.remove(processor)
        self.prepared.append((threading.current_thread().name, len(clips)))
        if any(clip.title == "unreadable" for clip in clips):
            raise ValueError("cannot prepare that")
        return [clip.title for clip in clips]

    def write(self, clips, inputs, decoding):
        assert decoding is DECODING and len(clips) == len(inputs)
        time.sleep(self.seconds)
        self.written.append(inputs)
        if "unspeakable" in inputs:
            raise RuntimeError("cannot say that")
        return [title.upper() for title in inputs]


def clips_of(*titles: str):
    return [tiny.clip(i, frames=1, title=title) for i, title in enumerate(titles)]


def test_captions_come_back_in_the_order_of_the_rows_from_batches_of_like_length():
    teacher = Slow()
    out = write_all(teacher, clips_of("a", "ccc", "bb", "dddd", "e"), DECODING, batch_size=2)
    assert out == ["A", "CCC", "BB", "DDDD", "E"]
    assert teacher.written == [["dddd", "ccc"], ["bb", "a"], ["e"]]


def test_frames_of_one_size_go_together():
    big, small = (8, 224, 398, 3), (8, 48, 64, 3)
    assert like_length([small, big, small, big], [1, 2, 9, 3], 2) == [[3, 1], [2, 0]]


def test_batches_are_prepared_in_threads_while_the_model_writes():
    """The model ends each batch only when the next one is prepared: if that came later, it would wait in vain."""
    teacher = Slow()
    write = teacher.write

    def patiently(clips, inputs, decoding):
        latest = time.monotonic() + 60
        while len(teacher.prepared) < min(len(teacher.written) + 2, 8):
            assert time.monotonic() < latest
            time.sleep(0.005)
        return write(clips, inputs, decoding)

    teacher.write = patiently
    assert write_all(teacher, clips_of(*"abcdefgh"), DECODING, batch_size=1) == list("ABCDEFGH")
    assert all(name.startswith("prepare") for name, _ in teacher.prepared)


def test_no_more_is_prepared_than_soon_needed():
    teacher = Slow()
    seen = []
    write = teacher.write

    def slowly(clips, inputs, decoding):
        time.sleep(0.05)
        seen.append(len(teacher.prepared) - len(seen))
        return write(clips, inputs, decoding)

    teacher.write = slowly
    write_all(teacher, clips_of(*"abcdefghij"), DECODING, batch_size=1)
    assert max(seen) <= ahead.WORKERS + 2  # the one in work, and those ahead


@pytest.mark.parametrize("bad", ["unreadable", "unspeakable"])
def test_of_a_batch_that_fails_only_the_bad_clip_is_lost(bad):
    out = write_all(Slow(), clips_of("a", bad, "b", "c"), DECODING, batch_size=3)
    assert [isinstance(text, Failure) for text in out] == [False, True, False, False]
    assert [out[0], *out[2:]] == ["A", "B", "C"]
    assert out[1].message.startswith("cannot")


def test_a_teacher_that_loses_a_caption_is_asked_clip_by_clip():
    teacher = Slow()
    teacher.write = lambda clips, inputs, decoding: [title.upper() for title in inputs[:1]]
    assert write_all(teacher, clips_of("a", "b"), DECODING, batch_size=2) == ["A", "B"]


def test_a_prompt_that_cannot_be_measured_fails_alone():
    teacher = Slow()
    clips = clips_of("a", "b")
    broken = dataclasses.replace(clips[1], title=None)
    out = write_all(teacher, [clips[0], broken], DECODING, batch_size=1)
    assert out[0] == "A" and isinstance(out[1], Failure)


def test_a_teacher_that_only_captions_is_called_with_batches():
    calls = []

    class Plain:
        card = CARD

        def caption(self, clips, decoding):
            calls.append(len(clips))
            return [clip.title for clip in clips]

    assert write_all(Plain(), clips_of("a", "bb", "c"), DECODING, batch_size=2) == ["a", "bb", "c"]
    assert calls == [2, 1]


def test_the_clock_tells_preparing_waiting_and_writing_apart():
    with timed() as timings:
        write_all(Slow(seconds=0.1), clips_of("a", "b", "c", "d"), DECODING, batch_size=1)
    assert (timings.clips, timings.batches) == (4, 4)
    assert timings.prepare_seconds >= 0.4 and timings.write_seconds >= 0.4
    assert 0.08 < timings.wait_seconds < 0.35  # for the first batch, not for all four
    with timed() as untouched:
        pass
    assert untouched.batches == 0


WORDS = [
    {},
    {"title": "chatter kiki", "subtitle": "red ball red ball red ball"},
    {"description": "kiki"},
    {"subtitle": "red"},
    {"title": "blue ball", "description": "chatter chatter chatter"},
]


@pytest.mark.parametrize("kind", ["blip2_with_encoder", "blip2_without_encoder", "llava", "llava_onevision"])
def test_a_real_model_says_the_same_in_any_batch(kind, tmp_path):
    folder = getattr(tiny, kind)(tmp_path / kind)
    family = "blip2" if kind.startswith("blip2") else "image_text_to_text"
    sees = ("image", "text") if family == "blip2" else ("video", "text")
    teacher = load_teacher(TeacherCard("mine", family, str(folder), sees), "cpu")
    clips = [tiny.clip(i, height=40 + 8 * (i % 3), **words) for i, words in enumerate(WORDS)]
    decoding = Decoding(max_new_tokens=6, num_beams=2)
    alone = [teacher.caption([clip], decoding)[0] for clip in clips]
    assert len(set(alone)) > 1
    for batch_size in (1, 2, 5):
        assert write_all(teacher, clips, decoding, batch_size=batch_size) == alone
