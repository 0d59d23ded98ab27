"""What each annotator sees next, and what becomes of their answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.annotation.desk import Desk
from panda_hf.annotation.tasks import Tasks
from tests.annotation.curated import captions, clip_row, curated, write_rows


@pytest.fixture
def desk(small: Path, tmp_path: Path) -> Desk:
    return Desk(Tasks.open(str(small)), tmp_path)


def test_everybody_goes_through_all_clips_once(desk: Desk) -> None:
    for name in ("Ada", "Bo"):
        seen, view = [], desk.view(name)
        while view.clip_id is not None:
            seen.append(view.clip_id)
            assert (view.done, view.position, view.total) == (len(seen) - 1, len(seen), 6)
            view = desk.answer(name, view.clip_id, view.candidates, [0])
        assert sorted(seen) == sorted(desk.tasks.clip_ids) and view.done == 6


def test_a_shuffled_place_becomes_the_caption_that_stood_there(desk: Desk) -> None:
    view = desk.view("Ada")
    assert view.clip_id is not None and sorted(view.captions) == sorted(desk.tasks.task(view.clip_id).captions)
    desk.answer("Ada", view.clip_id, view.candidates, [2], seconds=4.0)
    said = desk.store.of("Ada")[view.clip_id]
    assert desk.tasks.task(view.clip_id).captions[said.chosen[0]] == view.captions[2]
    assert said.seconds == 4.0 and said.at.endswith("Z")


def test_going_back_shows_what_was_answered(desk: Desk) -> None:
    first = desk.view("Ada")
    second = desk.answer("Ada", first.clip_id, first.candidates, [5])
    back = desk.view("Ada", second.clip_id, -1)
    assert (back.clip_id, back.chosen) == (first.clip_id, (5,))
    assert desk.view("Ada", first.clip_id, -1).clip_id == first.clip_id
    assert desk.view("Ada", first.clip_id, 2).position == 3
    desk.answer("Ada", first.clip_id, first.candidates, [])
    assert desk.view("Ada", first.clip_id).chosen == ()


def test_skipped_clips_come_again(desk: Desk) -> None:
    first = desk.view("Ada")
    second = desk.view("Ada", first.clip_id, 1)
    assert second.clip_id != first.clip_id
    assert desk.answer("Ada", second.clip_id, second.candidates, [0]).clip_id == first.clip_id


def test_undo_shows_the_clip_again(desk: Desk) -> None:
    assert desk.undo("Ada") is None
    view = desk.view("Ada")
    desk.answer("Ada", view.clip_id, view.candidates, [1])
    again = desk.undo("Ada")
    assert again is not None and (again.clip_id, again.chosen, again.done) == (view.clip_id, None, 0)


def test_answers_that_fit_no_clip_are_refused(desk: Desk) -> None:
    view = desk.view("Ada")
    for clip, digest, places, message in (
        ("nonsense", view.candidates, [0], "no clip 'nonsense'"),
        (view.clip_id, "other", [0], "have changed meanwhile"),
        (view.clip_id, view.candidates, [8], "not among the 8 captions"),
        (view.clip_id, view.candidates, [-1], "not among the 8 captions"),
        (view.clip_id, view.candidates, [0, 1], "'best' takes one caption"),
    ):
        with pytest.raises(ValueError, match=message):
            desk.answer("Ada", clip, digest, places)
    assert not desk.store.all()


def test_a_clip_whose_media_turns_out_to_be_broken_is_skipped_and_counted(tmp_path: Path) -> None:
    out = curated(tmp_path / "in", 3)
    (out / "media" / "000000" / "1.mp4").write_text("no video")
    desk = Desk(Tasks.open(str(out)), tmp_path / "out")
    seen, view = [], desk.view("Ada")
    while view.clip_id is not None:
        seen.append(view.clip_id)
        view = desk.answer("Ada", view.clip_id, view.candidates, [0])
    assert sorted(seen) == ["film_0.0", "film_1.0"] and view.total == 2
    assert desk.tasks.told_skipped() == "1 × media cannot be read"


def test_after_other_captions_were_written_the_old_answer_does_not_show(tmp_path: Path) -> None:
    out = curated(tmp_path / "in", 1)
    desk = Desk(Tasks.open(str(out)), tmp_path / "out")
    view = desk.view("Ada")
    desk.answer("Ada", view.clip_id, view.candidates, [0])
    again = write_rows(tmp_path / "new", [clip_row(0, captions(7), clip_path=str(out / "media/000000/0.mp4"))])
    view = Desk(Tasks.open(str(again)), tmp_path / "out").view("Ada")
    assert view.clip_id == "film_0.0" and view.chosen is None and view.done == 0


def test_agreement_of_everybody_is_told(desk: Desk) -> None:
    for name, best in (("Ada", 0), ("Bo", 0), ("Cy", 1)):
        for clip in desk.tasks.clip_ids:
            view = desk.view(name, clip)
            desk.answer(name, clip, view.candidates, [view.order.index(best)])
    told = desk.agreement()
    assert told["annotators"] == {"Ada": 6, "Bo": 6, "Cy": 6}
    assert told["overall"]["clips"] == 18 and told["overall"]["share"] == pytest.approx(1 / 3)
    assert [(pair["names"], pair["share"]) for pair in told["pairs"]] == [
        (["Ada", "Bo"], 1.0),
        (["Ada", "Cy"], 0.0),
        (["Bo", "Cy"], 0.0),
    ]
