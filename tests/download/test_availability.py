"""How much can still be had: the account adds up, and the interval is Wilson's."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.download.availability import NOT_TRIED, Availability


def counted(limited: bool = False, **reasons: int) -> Availability:
    found = Availability(limited=limited)
    for reason, count in reasons.items():
        for _ in range(count):
            found.add(reason.replace("_", "-") if reason != "not_tried" else NOT_TRIED, 3, 25.5)
    return found


def test_videos_and_clips_add_up_over_all_reasons() -> None:
    found = counted(ok=5, removed=3, private=1, opted_out=2, not_tried=4)
    account = found.as_dict()
    assert account["videos_wanted"] == 15 == sum(part["videos"] for part in account["by_reason"].values())
    assert sum(part["clips"] for part in account["by_reason"].values()) == 45
    assert account["by_reason"]["removed"] == {"videos": 3, "clips": 9, "clip_hours": round(3 * 25.5 / 3600, 3)}
    assert found.equation() == "15 videos wanted = 5 ok + 3 removed + 2 opted-out + 1 private + 4 not tried"


def test_the_share_is_of_videos_that_were_asked_for() -> None:
    found = counted(ok=5, removed=3, opted_out=2, not_tried=4)
    assert found.tried == 8 and found.share == pytest.approx(5 / 8)
    assert counted(opted_out=1, not_tried=2).share is None
    assert counted(not_tried=2).verdict() == "No video was tried."


@pytest.mark.parametrize(("ok", "lost"), [(57, 43), (193, 7), (1, 0), (0, 12)])
def test_the_interval_holds_the_shares_for_which_the_sample_is_no_surprise(ok: int, lost: int) -> None:
    """Wilson: the p with |p - ok/n| = z sqrt(p (1 - p) / n), the roots of a quadratic equation in p."""
    n, z = ok + lost, 1.959964
    share = ok / n
    low, high = sorted(np.roots([1 + z**2 / n, -(2 * share + z**2 / n), share**2]).real)
    assert counted(ok=ok, removed=lost).interval() == pytest.approx((low, high), abs=1e-6)


def test_only_a_sample_is_called_one() -> None:
    assert "sample" not in counted(ok=3, removed=1).verdict()
    assert "3 of 4 tried videos can be had: 75.0% (a sample" in counted(limited=True, ok=3, removed=1).verdict()


def test_what_may_still_come_is_told_apart_from_what_is_gone() -> None:
    found = counted(ok=2, removed=1, network=1, rate_limited=1)
    assert found.as_dict()["videos_that_may_come"] == 2
    assert found.verdict().startswith("2 of 5 tried videos can be had: 40.0%, and up to 80.0% once the 2 that failed")
    assert "up to" not in counted(ok=2, removed=1).verdict()


def test_the_table_has_a_row_for_each_reason_and_their_sum() -> None:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in counted(ok=3, removed=1).table()]
    assert cells[0] == ["reason", "videos", "share", "clips"]
    assert cells[2:] == [["ok", "3", "75.0%", "9"], ["removed", "1", "25.0%", "3"], ["all", "4", "100.0%", "12"]]


@pytest.mark.parametrize("markdown", [False, True])
def test_the_table_is_aligned(markdown: bool) -> None:
    lines = counted(ok=3000, removed=1).table(markdown=markdown)
    borders = [[i for i, character in enumerate(line) if character == "|"] for line in lines]
    assert len(lines) == 5 and all(places == borders[0] for places in borders)
    assert lines[-1].split("|")[1].strip() == ("**all**" if markdown else "all")


def test_one_video_is_not_called_videos() -> None:
    assert counted(ok=1).equation() == "1 video wanted = 1 ok"


def test_clips_that_are_shorter_than_listed_are_told() -> None:
    found = Availability(clips_made=3, clips_failed=1)
    assert found.of_clips() == "3 clips made, 1 could not be cut"
    found.clips_short = 2
    assert found.of_clips().endswith("; 2 shorter than listed: the video ends before")
