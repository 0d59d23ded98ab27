"""Frames decoded group by group are those of a sequential pass."""

from __future__ import annotations

from itertools import islice

import pytest

from panda_hf.video.groups import GroupReader, IndexMismatch
from panda_hf.video.packets import index_packets
from tests.video.films import B_FRAMES, LONG_GOP, OPEN_GOP, number_of


@pytest.mark.parametrize("options", [B_FRAMES, OPEN_GOP, LONG_GOP])
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_every_frame_of_every_group_shows_its_own_number(film, name: str, options: dict[str, str]):
    path = film(name, count=70, options=options)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        shown = [(frame.index, number_of(frame.rgb())) for group in reader.groups() for frame in reader.frames(group)]
    assert shown == [(i, i) for i in range(70)]


@pytest.mark.parametrize("options", [B_FRAMES, OPEN_GOP])
def test_key_frames_alone_and_the_beginnings_of_groups(film, options: dict[str, str]):
    path = film("film.mp4", count=70, options=options)
    index = index_packets(path)
    assert index is not None
    seen = []
    with GroupReader(path, index) as reader:
        for group in reader.groups():
            seen.append(number_of(reader.key_frame(group).rgb()))
            seen += [number_of(frame.rgb()) for frame in islice(reader.frames(group), 1, 3)]
    assert seen == [0, 1, 2, 30, 31, 32, 60, 61, 62]


def test_a_file_that_is_not_the_indexed_one_is_noticed(film):
    index = index_packets(film("film.mp4", count=70, options=B_FRAMES))
    other = film("other.mp4", count=90, options=B_FRAMES)
    assert index is not None
    with pytest.raises(IndexMismatch), GroupReader(other, index) as reader:
        for group in reader.groups():
            list(reader.frames(group))
