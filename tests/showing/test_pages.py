"""Texts of strangers are shown as text, wherever they come from."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from panda_hf.captioning.registry import expanded
from panda_hf.errors import CheckpointError
from panda_hf.publishing.hub import PushSummary
from panda_hf.showing import pages
from panda_hf.showing.captions import Candidate, Captioned, Reading
from panda_hf.showing.cast import Cast, Choices, default_cast
from panda_hf.showing.collection import Collection, Filter
from panda_hf.showing.desk import Desk, told
from panda_hf.showing.gate import SLACK_BYTES, BodyLimit
from panda_hf.showing.limits import Limits
from panda_hf.showing.long_video import Long, scan_film
from panda_hf.showing.student import Words
from panda_hf.splitting.stitching import Reason

EVIL = "<img src=x onerror=alert(1)>\"'${1}{{x}}"
FREE = re.compile(r"<img src=x|<b>evil|\" onerror")


@pytest.fixture(scope="module")
def long(desk: Desk, cast: Cast, film: Path) -> Long:
    """A scanned film of an evil name."""
    own = desk.visits.adopt(desk.visits.of("evil"), str(film), EVIL, one_clip=False)
    *_, long = scan_film(own, cast.split(), desk.visits.helpers, desk.limits)
    assert isinstance(long, Long)
    return long


def is_harmless(html: str) -> bool:
    return not FREE.search(html) and "&lt;img src=x" in html


def test_one_clip(cast: Cast) -> None:
    state = Captioned(
        "", (), (Candidate(EVIL, EVIL, 0.5, None, True), Candidate("b", None, None, EVIL)), EVIL, EVIL, 0.5, 0.1, EVIL,
        (Reading(EVIL, EVIL, EVIL),),
    )  # fmt: skip
    assert is_harmless(pages.captioned(state, cast))


def test_why_a_teacher_wrote_nothing_is_told_on_the_page_and_to_programs(cast: Cast, long: Long) -> None:
    why = "the server answered 503"
    state = Captioned("", candidates=(Candidate("mini_image", "a ball", 0.5), Candidate("mini_text", problem=why)))
    assert f"none: {why}" in pages.captioned(state, cast)
    told = [(one["teacher"], one["caption"], one["problem"]) for one in state.as_row()["candidates"]]
    assert told == [("mini_image", "a ball", None), ("mini_text", None, why)]
    rules = cast.split().rules
    failed = {
        "caption": "a ball", "caption_teacher": "mini_image", "matching_score": 0.5,
        "candidates": [{"teacher": "mini_text", "caption": None, "score": None}],
        "caption_errors": [{"teacher": "mini_text", "type": "EndpointError", "message": why}],
    }  # fmt: skip
    clips = [{**row, **failed} for row in long.clips(rules)]
    assert pages.split(long, long.stitched(rules), clips, cast).count(f"none: {why}") == len(clips) > 0


def test_problems_names_and_work(cast: Cast) -> None:
    summary = PushSummary(EVIL)
    shown = [pages.problem(EVIL), pages.working(EVIL, 0.5), pages.pushed(summary)]
    assert all(is_harmless(html) for html in [*shown, pages.player(Path("/a/b.mp4"), EVIL, EVIL)])


def test_a_long_video(long: Long, cast: Cast) -> None:
    video = {**long.stitched(cast.split().rules), "warning": EVIL}
    clip = {"caption": EVIL, "caption_teacher": EVIL, "matching_score": 0.5, "student_caption": EVIL, "subtitle": EVIL}
    clips: list[dict[str, Any]] = [
        {**row, **clip, "candidates": [{"teacher": EVIL, "caption": EVIL, "score": None}]}
        for row in long.clips(cast.split().rules)
    ]
    html = pages.split(long, video, [*clips, {**clips[0], "problem": EVIL}], cast)
    assert clips and is_harmless(html) and html.count("<video") == len(clips) + 1
    assert {"trimmed"} <= {part["reason"] for part in video["dropped"]} and "trimmed" in html


def opened(name: str = "own", is_local: bool = True) -> Any:
    return SimpleNamespace(dataset=name, root=name, files=(), is_local=is_local, config=name)


def test_a_dataset() -> None:
    texts = dict.fromkeys(("clip_id", "caption", "caption_teacher"), EVIL)
    rows = [{**texts, "matching_score": 0.5, "start": 0.0, "end": 2.0, "row": 0}]
    found = Collection(opened(EVIL, is_local=False), rows, 1, EVIL, EVIL)
    html = pages.collection(found, rows, rows, {})
    assert is_harmless(html) and "https://huggingface.co/datasets/%3Cimg" in html


def test_the_teachers_of_a_set_have_eight_colours(choices: Choices) -> None:
    for name in ("paper", "modern", "mini"):
        teachers = expanded([name])
        assert len(teachers) == 8 and set(pages.colours(teachers).values()) == set(range(8))
    assert pages.colours(["unknown"])["unknown"] in range(8)


def test_a_teacher_has_one_colour_in_all_tabs(long: Long, choices: Choices) -> None:
    alone, all_eight = Cast(None, ("mini_image",), "mini/selector"), Cast(None, expanded(["mini"]), "mini/selector")
    state = Captioned("", candidates=(Candidate("mini_image", "a ball", 0.5),), caption="a ball", teacher="mini_image")
    rules = alone.split().rules
    texts = {"caption": "a ball", "caption_teacher": "mini_image", "matching_score": 0.5, "candidates": []}
    clips = [{**row, **texts} for row in long.clips(rules)]
    rows = [
        {**clip, "row": i, "caption_teacher": name} for clip in clips for i, name in enumerate(("a", "mini_image"))
    ]
    found = Collection(opened(), rows, 2, None, "train", "own", "dataset")
    one = f'class="p-dot t{pages.colours(["mini_image"])["mini_image"]}"'
    video = long.stitched(rules)
    for html in (
        pages.captioned(state, alone), pages.captioned(state, all_eight),
        pages.split(long, video, clips, alone), pages.split(long, video, clips, all_eight),
        pages.collection(found, rows, [row for row in rows if row["caption_teacher"] == "mini_image"], {}),
        pages.models(choices),
    ):  # fmt: skip
        dots = re.findall(r'class="p-dot t\d"[^>]*>(?:(?!</svg>).)*</svg>(?:<span>)?mini_image', html)
        assert dots and all(dot.startswith(one) for dot in dots)


def test_a_reason_is_hatched_the_same_whatever_else_was_dropped(long: Long, cast: Cast) -> None:
    video = long.stitched(cast.split().rules)
    drops = [{"start": 0.0, "end": 0.5, "reason": name} for name in get_args(Reason)]
    alone = [pages.split(long, {**video, "dropped": [drop]}, [], cast) for drop in drops]
    marks = [re.findall(r'fill="url\(#(p-h\d)\)"', html) for html in alone]
    assert len({mark[0] for mark in marks}) == len(drops) and all(len(set(mark)) == 1 for mark in marks)
    together = pages.split(long, {**video, "dropped": drops}, [], cast)
    assert all(f'id="{mark[0]}"' in together and f"#{mark[0]})" in together for mark in marks)


def test_clips_without_a_caption_are_counted_when_nothing_is_being_done(long: Long, cast: Cast) -> None:
    rules = cast.split().rules
    video, clips = long.stitched(rules), long.clips(rules)
    assert f"{len(clips)} clips without a caption yet" in pages.split(long, video, clips, cast)
    assert "without a caption yet" not in pages.split(long, video, clips, cast, is_working=True)
    done = [{**row, "caption": "a ball", "caption_teacher": "a", "matching_score": 0.5} for row in clips]
    assert "without a caption yet" not in pages.split(long, video, done, cast)


def test_filters_keep_what_fits_and_leave_out_what_is_not_known() -> None:
    row = {"caption": "A Red ball", "caption_teacher": "a", "matching_score": 0.5, "start": 1.0, "end": 3.5}
    for wanted, kept in (
        (Filter(), True),
        (Filter(words="ball RED"), True),
        (Filter(words="cube"), False),
        (Filter(teachers=("b",)), False),
        (Filter(min_score=0.5, max_score=0.5), True),
        (Filter(min_score=0.51), False),
        (Filter(min_seconds=2.5, max_seconds=2.5), True),
        (Filter(max_seconds=2.4), False),
    ):
        assert wanted.keeps(row) is kept, wanted
    assert not Filter(min_score=-1.0).keeps({**row, "matching_score": None})


def test_the_page_plays_with_the_models_of_the_pipeline() -> None:
    from panda_hf.captioning import Caption
    from panda_hf.pipeline import panda_70m

    names = tuple(step.teacher for step in panda_70m() if isinstance(step, Caption))
    assert default_cast().teachers == names
    assert Choices.from_environment({}).default == default_cast()


def test_a_visitor_chooses_among_what_is_offered_and_on_one_s_own_machine_freely(tmp_path: Path) -> None:
    offered = Choices.from_environment({"PANDA_TEACHERS": "mini_image", "PANDA_STUDENT": "none"})
    assert offered.cast(None, (), None) == Cast(None, ("mini_image",), "mini/selector")
    assert offered.cast("none", ("mini_video",), "mini/selector").teachers == ("mini_video",)
    for student, teachers, selector in (
        ("a/b", (), None),
        (None, ("blip2_opt_2_7b",), None),
        (None, (), str(tmp_path)),
    ):
        with pytest.raises(CheckpointError, match="does not offer"):
            offered.cast(student, teachers, selector)
    free = Choices.from_environment({"PANDA_STUDENT": "none"}, free=True)
    assert free.cast("a/b", (), "c/d") == Cast("a/b", free.default.teachers, "c/d")
    with pytest.raises(CheckpointError, match="no config.json"):
        free.cast(None, (), str(tmp_path))


def test_words_that_are_blank_are_none() -> None:
    assert Words.of(" ", None, "\n") == Words() and not Words() and Words.of(" a ", "", "").title == "a"


def test_errors_are_told_without_paths() -> None:
    assert told(OSError("cannot open '/root/secret/film.mp4'")) == "cannot open 'film.mp4'"


def test_limits_come_from_the_environment_and_must_be_numbers() -> None:
    assert Limits.from_environment({"PANDA_MAX_MB": "5", "PANDA_MAX_MINUTES": "1"}).max_seconds == 60
    with pytest.raises(ValueError, match="PANDA_MAX_MB='many'"):
        Limits.from_environment({"PANDA_MAX_MB": "many"})


def gated(declared: int, parts: list[int]) -> tuple[list[dict[str, Any]], int]:
    """What a gate of 10 bytes sends, and how much of the body is read behind it."""
    import asyncio

    sent: list[dict[str, Any]] = []
    read = 0
    coming = iter(parts)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        nonlocal read
        for _ in parts:
            read += len((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(next(coming)), "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-length", str(declared).encode())] if declared else []
    asyncio.run(BodyLimit(inner, 10)({"type": "http", "headers": headers}, receive, send))
    return sent, read


@pytest.mark.parametrize(
    ("declared", "status", "read"), [(10, 200, 10), (10 + SLACK_BYTES, 200, 10), (2 * 10**9, 413, 0)]
)
def test_a_body_that_declares_too_much_is_refused_unread(declared: int, status: int, read: int) -> None:
    sent, found = gated(declared, [10])
    assert (sent[0]["status"], found) == (status, read)


def test_a_body_that_declares_nothing_is_refused_when_too_much_has_come() -> None:
    sent, read = gated(0, [10, SLACK_BYTES, 1, 10**9])
    assert sent[0]["status"] == 413 and read == 10 + SLACK_BYTES
