"""Waits: what a server asks for, what the others keep, and how often."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from panda_hf.download.options import FetchOptions
from panda_hf.download.waits import HostWaits, OutOfTime, Patience, retry_after_seconds

OPTIONS = FetchOptions(retries=3, back_off_seconds=0.04, max_back_off_seconds=0.1)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after_seconds("120") == 120
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 88 <= (retry_after_seconds(soon) or 0) <= 90
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    for nonsense in (None, "", "soon", "-5", "1e9", "\u0663"):
        assert retry_after_seconds(nonsense) is None


def test_a_wait_is_shared_by_all_who_read_the_folder(tmp_path: Path) -> None:
    HostWaits(tmp_path / "waits").tell("a:1", 5)
    other = HostWaits(tmp_path / "waits")
    assert 4 < other.seconds_left("a:1") <= 5
    assert other.seconds_left("b:1") == 0
    other.tell("a:1", 1)
    assert other.seconds_left("a:1") > 4, "a shorter wait does not end a longer one"


def test_a_broken_note_is_no_wait(tmp_path: Path) -> None:
    waits = HostWaits(tmp_path)
    waits.tell("a", 5)
    next(tmp_path.iterdir()).write_text("")
    assert waits.seconds_left("a") == 0


def test_tries_are_bounded_and_counted(tmp_path: Path) -> None:
    patience = Patience(OPTIONS, HostWaits(tmp_path))
    assert [patience.may_try_again("a") for _ in range(5)] == [True, True, True, False, False]
    assert patience.attempts == 4


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for, in seconds; nobody really waits."""
    waits: list[float] = []
    monkeypatch.setattr("panda_hf.download.waits.time.sleep", waits.append)
    return waits


def test_waits_grow_to_a_limit(tmp_path: Path, slept: list[float]) -> None:
    patience = Patience(OPTIONS, HostWaits(tmp_path))
    for _ in range(3):
        patience.may_try_again("a")
    assert 0.03 <= slept[0] <= 0.05  # 0.04 and a quarter more or less, doubled, and doubled again up to the limit
    assert 0.06 <= slept[1] <= 0.1
    assert slept[2:] == [0.1]


def test_what_a_server_asks_for_is_capped_and_told(tmp_path: Path, slept: list[float]) -> None:
    waits = HostWaits(tmp_path)
    patience = Patience(OPTIONS, waits)
    assert patience.may_try_again("a", 3600.0, tell=True)
    assert slept == [0.1]
    assert patience.retry_after == 3600
    assert waits.seconds_left("a") < 0.2


def test_the_others_keep_the_wait_that_a_server_asked_for_also_when_the_tries_are_used_up(tmp_path: Path) -> None:
    others = HostWaits(tmp_path)
    patience = Patience(FetchOptions(retries=0), HostWaits(tmp_path))
    assert not patience.may_try_again("a", 30.0, tell=True)
    assert 29 < others.seconds_left("a") <= 30
    assert not patience.may_try_again("b", 30.0)
    assert others.seconds_left("b") == 0, "a wait that concerns one file is not told"


def test_the_others_wait_while_one_waits(tmp_path: Path) -> None:
    others, seen = HostWaits(tmp_path), []
    patience = Patience(FetchOptions(retries=1, back_off_seconds=2.0), HostWaits(tmp_path))
    patience._sleep = lambda seconds: seen.append((seconds, others.seconds_left("a")))  # type: ignore[method-assign]
    assert patience.may_try_again("a", None, tell=True)
    ((seconds, left),) = seen
    assert seconds - 0.5 < left <= seconds


def test_a_wait_past_the_deadline_is_not_begun(tmp_path: Path) -> None:
    waits = HostWaits(tmp_path)
    waits.tell("a", 50)
    patience = Patience(FetchOptions(), waits, deadline=time.monotonic() + 1)
    with pytest.raises(OutOfTime, match="longer than the time limit"):
        patience.wait_for("a")
    patience.wait_for("b")
