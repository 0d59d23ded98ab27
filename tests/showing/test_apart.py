"""Strangers' files are decoded apart: what breaks, hangs or lies harms nobody."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from panda_hf.errors import VideoError
from panda_hf.showing.apart import MEMORY_BYTES, Helpers


def whose() -> int:
    return os.getpid()


def break_down() -> None:
    os.abort()


def sleep_long() -> None:
    time.sleep(60)


def refuse() -> None:
    raise VideoError("no video")


def stumble() -> None:
    raise KeyError("secret")


def count(to: int, say: Callable[[float], None]) -> str:
    for i in range(to):
        say(float(i))
    return "done"


def take_memory() -> int:
    return len(bytearray(MEMORY_BYTES))


@pytest.fixture(scope="module")
def helpers() -> Iterator[Helpers]:
    helpers = Helpers(1)
    yield helpers
    helpers.close()


def test_calls_run_in_one_process_that_is_not_this_one(helpers: Helpers) -> None:
    first = helpers.call(whose, seconds=60)
    assert first != os.getpid() and helpers.call(whose, seconds=60) == first


def test_what_is_said_on_the_way_is_passed_on_in_order(helpers: Helpers) -> None:
    heard: list[float] = []
    assert helpers.call(count, 4, seconds=60, say=heard.append) == "done" and heard == [0.0, 1.0, 2.0, 3.0]


def test_a_refusal_comes_through_and_other_errors_tell_only_their_kind(helpers: Helpers) -> None:
    with pytest.raises(VideoError, match=r"^no video$"):
        helpers.call(refuse, seconds=60)
    with pytest.raises(VideoError, match="KeyError") as told:
        helpers.call(stumble, seconds=60)
    assert "secret" not in str(told.value)


def test_memory_has_a_bound(helpers: Helpers) -> None:
    with pytest.raises(VideoError, match="MemoryError"):
        helpers.call(take_memory, seconds=60)


def test_after_a_crash_and_after_a_hang_the_next_call_is_served(helpers: Helpers) -> None:
    before = helpers.call(whose, seconds=60)
    with pytest.raises(VideoError, match="decoder broke"):
        helpers.call(break_down, seconds=60)
    with pytest.raises(VideoError, match="not decoded within 0 s"):
        helpers.call(sleep_long, seconds=0.2)
    assert helpers.call(whose, seconds=60) != before


def test_nobody_listening_ends_the_work(helpers: Helpers) -> None:
    def leave(value: float) -> None:
        raise InterruptedError

    before = helpers.call(whose, seconds=60)
    with pytest.raises(InterruptedError):
        helpers.call(count, 10**6, seconds=60, say=leave)
    assert helpers.call(whose, seconds=60) != before
