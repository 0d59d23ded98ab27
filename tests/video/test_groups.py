"""Frames decoded group by group are those of a sequential pass."""

from __future__ import annotations

import dataclasses
from itertools import islice

import numpy as np
import pytest

from panda_hf.video.frames import Frame
from panda_hf.video.groups import Group, GroupReader, IndexMismatch
from panda_hf.video.packets import index_packets
from tests.video.films import B_FRAMES, LONG_GOP, OPEN_GOP, number_of


def begun(reader: GroupReader, group: Group, *, anchors: bool = True) -> list[Frame]:
    """The group's key frame and all that comes after it."""
    key, rest = reader.begin(group, anchors=anchors)
    return [key, *rest]


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
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_packets_that_the_index_holds_are_not_read_again(
    film, name: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    path = film(name, count=70, options=options)
    index = index_packets(path, hold=2**26)
    assert index is not None and index.packets is not None
    monkeypatch.setattr("panda_hf.video.decoder.Decoder.packets", None)
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


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", B_FRAMES),
        ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none:keyint=30:bframes=3:b-adapt=0"}),
        ("libsvtav1", {"preset": "12", "g": "30"}),
    ],
)
def test_reference_frames_are_some_of_all_and_show_the_same(film, codec: str, options: dict[str, str]):
    path = film("film.mp4", count=70, codec=codec, options=options)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        for group in reader.groups():
            every = {frame.index: frame.yuv(1) for frame in reader.frames(group)}
            some = {frame.index: frame.yuv(1) for frame in reader.references(group)}
            assert [frame.index for frame in begun(reader, group, anchors=False)] == list(some)
            assert group.first in some
            assert len(some) < 0.8 * len(every)
            assert all(np.array_equal(picture, every[index]) for index, picture in some.items())


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
@pytest.mark.parametrize("extra", ["", ":ref=1", ":b-pyramid=strict", ":bframes=7:ref=8", ":slices=3:aud=1"])
def test_anchors_are_all_but_the_b_frames_and_show_nearly_the_same(film, name: str, extra: str):
    path = film(name, count=70, options={**B_FRAMES, "x264-params": B_FRAMES["x264-params"] + extra})
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        for group in reader.groups():
            every = {frame.index: frame.yuv(1) for frame in reader.frames(group)}
            anchors = {frame.index: frame.yuv(1) for frame in begun(reader, group)}
            assert list(anchors) == [i for i in range(group.first, group.last) if not index.bidirectional[i]]
            assert 2 < len(anchors) <= 0.6 * len(every)
            assert max(np.abs(picture - every[i].astype(int)).mean() for i, picture in anchors.items()) < 8


def test_of_many_b_frames_in_a_row_only_those_are_left_out_to_which_none_refers(film):
    options = {"x264-params": "keyint=30:min-keyint=30:scenecut=0:bframes=12:b-adapt=0"}
    path = film("film.mp4", count=60, options=options)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        for group in reader.groups():
            assert [f.index for f in begun(reader, group)] == [f.index for f in reader.references(group)]


@pytest.mark.parametrize("since", [0, 30, 31, 41, 58, 59])
def test_b_frames_may_be_left_out_up_to_a_frame(film, since: int):
    path = film("film.mp4", count=70, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        _, group, _ = reader.groups()
        before = reader.decoded
        shown = {frame.index: number_of(frame.rgb()) for frame in reader.frames(group, since)}
        assert reader.decoded - before == len(shown)
    left_out = [i for i in range(30, 60) if i not in shown]
    assert left_out == [i for i in range(30, max(30, since)) if index.bidirectional[i]]
    right_from = next(i for i in range(max(30, since), 60) if not index.bidirectional[i] or i == 59)
    assert [i for i, number in shown.items() if number != i and i >= right_from] == []


@pytest.mark.parametrize("at", [1, 17, 24, 29])
def test_from_any_frame_on_the_anchors_are_decoded_as_if_nothing_lay_before_them(film, at: int):
    path = film("film.mp4", count=70, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        for group in islice(reader.groups(), 2):
            key, rest = reader.begin(group, anchors=True)
            assert number_of(key.rgb()) == group.first
            resumed = [frame.index for frame in reader.resume(group, group.first + at)]
            wanted = [i for i in range(group.first + 1, group.last) if not index.bidirectional[i]]
            assert resumed == [i for i in wanted if i >= group.first + at]
            assert [frame.index for frame in rest] == wanted  # by a decoder of its own


def test_frames_that_get_lost_after_a_leap_from_an_open_group_are_told(film):
    """The decoder takes pictures right after the leap for ones before the key frame, which is no IDR picture."""
    options = {**B_FRAMES, "x264-params": "open-gop=1:keyint=150:min-keyint=150:scenecut=0:b-adapt=0"}
    path = film("film.mp4", count=310, options={**options, "bf": "3"})
    index = index_packets(path)
    assert index is not None and index.keys.tolist()[:2] == [0, 150]
    with GroupReader(path, index) as reader:
        _, group, _ = reader.groups()
        lost = 0
        for at in range(group.first + 20, group.last - 10, 10):
            wanted = [i for i in range(at, group.last) if not index.bidirectional[i]]
            try:
                assert [frame.index for frame in reader.resume(group, at)] == wanted
            except IndexMismatch as error:
                assert "after a leap" in str(error)
                lost += 1
        assert lost


@pytest.mark.parametrize("gone", [slice(0, 1), slice(3, 4), slice(-1, None)], ids=["the first", "one", "the last"])
def test_a_frame_that_does_not_come_after_a_leap_is_told(film, monkeypatch: pytest.MonkeyPatch, gone: slice):
    path = film("film.mp4", count=70, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        group = next(reader.groups())
        frames = list(reader.resume(group, group.first + 8))
        lost = {frame.index for frame in frames[gone]}
        decode = reader._decode

        def loses(*packets: object) -> object:
            return (frame for frame in decode(*packets) if frame.index not in lost)  # type: ignore[arg-type]

        monkeypatch.setattr(reader, "_decode", loses)
        with pytest.raises(IndexMismatch, match=f"frame {min(lost)} .*after a leap"):
            list(reader.resume(group, group.first + 8))


def test_where_b_frames_are_not_left_out_no_frame_is_decoded_out_of_its_place(film):
    options = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=30:bframes=3:b-adapt=0"}
    path = film("film.mp4", count=70, codec="libx265", options=options)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        assert not any(list(reader.resume(group, group.first + 8)) for group in reader.groups())


def test_what_a_missing_frame_is_is_told_though_b_frames_are_left_out(film):
    path = film("film.mp4", count=70, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        _, group, _ = reader.groups()
        for gone in (45, 59):
            pts = int(index.timestamps[gone])
            short = dataclasses.replace(group, packets=tuple(p for p in group.packets if p.pts != pts))
            with pytest.raises(IndexMismatch, match=f"frame {gone} "):
                list(reader.frames(short, 40))


def test_a_frame_decoded_upon_the_key_frame_shows_that_where_it_refers_to_others(film):
    path = film("film.mp4", count=70, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        group = next(reader.groups())
        anchors = [i for i in range(group.last) if not index.bidirectional[i]]
        (upon,) = reader.upon(group, anchors[-1:]).values()
        (alone,) = reader.upon(group, anchors[1:2]).values()  # it refers to no other but the key frame
        true = {frame.index: frame.rgb().astype(int) for frame in reader.frames(group, 0)}
        assert [upon.index, alone.index] == [anchors[-1], anchors[1]]
        assert not np.abs(alone.rgb() - true[anchors[1]]).any()
        assert np.abs(upon.rgb() - true[anchors[-1]]).mean() > 1


def test_frames_far_apart_are_decoded_though_one_seems_to_be_older_than_the_last(film):
    """Their order is told by a number that soon starts over."""
    path = film("film.mp4", count=240, options=LONG_GOP)
    index = index_packets(path)
    assert index is not None and index.keys.tolist() == [0]
    others = np.flatnonzero(~index.bidirectional)[1:]
    with GroupReader(path, index) as reader:
        group = next(reader.groups())
        for wanted in ([66, 117, 210], others[:: len(others) // 15][:15].tolist()):
            assert not index.bidirectional[wanted].any()
            before = reader.decoded
            assert sorted(reader.upon(group, wanted)) == wanted
            assert reader.decoded == before + 1 + len(wanted)


def test_what_cannot_be_decoded_upon_the_key_frame_is_left_out(film, monkeypatch: pytest.MonkeyPatch):
    path = film("film.mp4", count=70, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        group = next(reader.groups())
        damaged = [packet for packet in group.packets[1:] if not index.bidirectional[reader._position_of(packet.pts)]]
        wanted = [reader._position_of(packet.pts) for packet in damaged[:2]]
        assert sorted(reader.upon(group, wanted)) == wanted
        monkeypatch.setattr(reader, "_frame", refuse)
        assert reader.upon(group, wanted) == {}


def refuse(*_: object) -> None:
    raise IndexMismatch("damaged")


def of_other_codec(film, codec: str) -> GroupReader:
    """Of a film of three groups."""
    options = {"libx265": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=30"}}
    path = film("film.mp4", count=70, codec=codec, options=options.get(codec, {"preset": "12", "g": "30"}))
    index = index_packets(path)
    assert index is not None
    return GroupReader(path, index)


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1"])
def test_of_other_codecs_no_frame_is_decoded_upon_what_it_was_not_coded_from(film, codec: str):
    with of_other_codec(film, codec) as reader:
        group = next(reader.groups())
        assert reader.upon(group, range(group.first + 1, group.last)) == {}


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1"])
def test_of_other_codecs_the_anchors_are_the_reference_frames(film, codec: str):
    with of_other_codec(film, codec) as reader:
        for group in reader.groups():
            assert [f.index for f in begun(reader, group)] == [f.index for f in reader.references(group)]


def test_all_frames_may_be_asked_for_while_the_reference_frames_are_being_decoded(film):
    path = film("film.mp4", count=70, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        group = next(iter(reader.groups()))
        references = reader.references(group)
        first = [next(references).index for _ in range(2)]
        assert [frame.index for frame in reader.frames(group)] == list(range(30))
        rest = [frame.index for frame in references]
        with GroupReader(path, index) as other:
            assert first + rest == [frame.index for frame in other.references(next(iter(other.groups())))]


@pytest.mark.parametrize("anchors", [True, False])
def test_of_three_groups_in_a_row_any_may_be_gone_on_with(film, anchors: bool):
    path = film("film.mp4", count=120, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        groups = list(reader.groups())
        alone = [[(f.index, f.yuv(2).tobytes()) for f in begun(reader, group, anchors=anchors)] for group in groups]
        opened = [reader.begin(group, anchors=anchors) for group in groups[:3]]
        seen = [[key, *islice(rest, 2)] for key, rest in opened]
        for frames, (_, rest) in zip(seen, opened, strict=True):
            frames += rest
        assert [[(f.index, f.yuv(2).tobytes()) for f in frames] for frames in seen] == alone[:3]


@pytest.mark.parametrize(
    "options", [B_FRAMES, {**B_FRAMES, "x264-params": B_FRAMES["x264-params"] + ":repeat-headers=1"}]
)
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_the_key_frame_of_a_group_that_was_begun_is_its_key_frame(film, name: str, options: dict[str, str]):
    path = film(name, count=70, options=options)
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        assert [number_of(reader.begin(group, anchors=True)[0].rgb()) for group in reader.groups()] == [0, 30, 60]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_of_a_group_that_was_begun_no_packet_is_decoded_twice(film, name: str, monkeypatch: pytest.MonkeyPatch):
    path = film(name, count=70, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None
    fed, decode = [], GroupReader._decode

    def counting(reader, packets, *context):
        fed.extend(packet.pts for packet in packets)
        return decode(reader, packets, *context)

    monkeypatch.setattr(GroupReader, "_decode", counting)
    with GroupReader(path, index) as reader:
        assert sum(len(begun(reader, group)) for group in reader.groups()) == len(fed) == len(set(fed))


def test_the_pictures_of_groups_that_were_begun_are_not_taken_for_others(film):
    """Where red, green and blue are stored, the parameter sets say so."""
    path = film("film.mp4", count=40, codec="libx264rgb", options=B_FRAMES, pixel_format="rgb24")
    index = index_packets(path)
    assert index is not None
    with GroupReader(path, index) as reader:
        for group in reader.groups():
            every = {frame.index: frame.yuv(1).astype(int) for frame in reader.frames(group)}
            assert max(np.abs(frame.yuv(1) - every[frame.index]).mean() for frame in begun(reader, group)) < 8


def test_a_file_that_is_not_the_indexed_one_is_noticed(film):
    index = index_packets(film("film.mp4", count=70, options=B_FRAMES))
    other = film("other.mp4", count=90, options=B_FRAMES)
    assert index is not None
    with pytest.raises(IndexMismatch), GroupReader(other, index) as reader:
        for group in reader.groups():
            list(reader.frames(group))
