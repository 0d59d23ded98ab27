"""Everybody has an own order of clips and of captions, the same at every start."""

from __future__ import annotations

from collections import Counter

from panda_hf.annotation.orders import caption_order, clip_order

CLIPS = [f"film.{i}" for i in range(200)]


def test_everybody_sees_all_clips_in_an_order_of_their_own() -> None:
    ada, bo = clip_order("Ada", CLIPS), clip_order("Bo", CLIPS)
    assert sorted(ada) == sorted(bo) == sorted(CLIPS)
    assert ada != bo and ada != CLIPS
    assert ada == clip_order("Ada", CLIPS)
    assert ada != clip_order("Ada", CLIPS, seed=1)


def test_an_order_is_the_same_in_other_versions() -> None:
    import hashlib

    digests = {clip: hashlib.sha256(f'[0, "clip", "Ada", "{clip}"]'.encode()).hexdigest() for clip in "abc"}
    assert clip_order("Ada", ["a", "b", "c"]) == sorted("abc", key=digests.__getitem__)


def test_clips_that_are_added_leave_the_order_of_the_others() -> None:
    added = {"new.1", "new.2"}
    assert [c for c in clip_order("Ada", [*CLIPS, *added]) if c not in added] == clip_order("Ada", CLIPS)


def test_shared_clips_come_first_for_everybody() -> None:
    orders = [clip_order(name, CLIPS, shared=20) for name in ("Ada", "Bo", "Cy")]
    assert set(orders[0][:20]) == set(orders[1][:20]) == set(orders[2][:20])
    assert orders[0][:20] != orders[1][:20]


def test_each_caption_is_as_often_first_as_any_other() -> None:
    first = Counter(caption_order("Ada", clip, 8)[0] for clip in (f"c{i}" for i in range(4000)))
    assert sorted(first) == list(range(8))
    # 500 expected for each; the standard deviation is 21
    assert all(abs(count - 500) < 100 for count in first.values())


def test_captions_of_a_clip_come_in_another_order_for_other_people() -> None:
    same = sum(caption_order("Ada", clip, 8) == caption_order("Bo", clip, 8) for clip in CLIPS)
    assert same <= 1
    assert sorted(caption_order("Ada", "x", 8)) == list(range(8))
