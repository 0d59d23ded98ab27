"""Parameter sets are read as the standard writes them."""

from __future__ import annotations

import dataclasses

import av
import pytest

from panda_hf.video import h264
from panda_hf.video.packets import index_packets
from tests.video.films import B_FRAMES, X264

# Set 2, 16 frame numbers, order of type 0 with 64 places, 1 reference, no gaps, 20x15 blocks, frames only, ... stop:
# each field written out by hand after 7.3.2.1.1 of the standard.
FIELDS = "011 1 1 011 010 0 000010100 0001111 1 1 0 0 1".replace(" ", "")
BY_HAND = bytes([0x67, 66, 0xC0, 30, *(int(FIELDS.ljust(40, "0")[i : i + 8], 2) for i in range(0, 40, 8))])

SETS = h264.ParameterSets(BY_HAND[1:4], 4, (BY_HAND,), (b"\x68",), b"")


def extradata(path) -> bytes:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.extradata


def test_a_set_written_by_hand_is_read(film):
    facts = h264.sequence_facts(BY_HAND)
    assert (facts.id, facts.profile, facts.level, facts.is_plain, facts.is_progressive) == (2, 66, 30, True, True)


@pytest.mark.parametrize(
    ("options", "pixel_format", "profile", "plain", "progressive"),
    [
        (B_FRAMES, "yuv420p", 77, True, True),
        ({**X264, "x264-params": "8x8dct=1:cqm=jvt"}, "yuv420p", 100, True, True),
        ({**X264, "x264-params": "interlaced=1"}, "yuv420p", 77, True, False),
        (X264, "yuv444p", 244, False, True),
        (X264, "yuv420p10le", 110, False, True),
    ],
)
def test_what_x264_writes_is_read(film, options, pixel_format: str, profile: int, plain: bool, progressive: bool):
    sets = h264.ParameterSets.parse(extradata(film("film.mp4", count=5, options=options, pixel_format=pixel_format)))
    (facts,) = [h264.sequence_facts(unit) for unit in sets.sequence]
    assert (facts.profile, facts.is_plain, facts.is_progressive) == (profile, plain, progressive)
    assert facts.id == h264.picture_id(sets.picture[0]) == 0 and sets.free_id == 1


def test_a_box_is_written_as_it_was_read(film):
    for options in (B_FRAMES, {**X264, "x264-params": "8x8dct=1"}):
        box = extradata(film("film.mp4", count=5, options=options))
        assert h264.ParameterSets.parse(box).box() == box


def frames_by_packet(path, box: bytes) -> list[int]:
    """How many frames come of each packet that holds no B-frame."""
    index = index_packets(path)
    assert index is not None
    others = set(index.timestamps[~index.bidirectional].tolist())
    context = av.CodecContext.create("h264", "r")
    context.extradata = box
    with av.open(str(path)) as container:
        return [len(context.decode(packet)) for packet in container.demux(video=0) if packet.pts in others]


@pytest.mark.parametrize(
    ("options", "pixel_format"),
    [
        (B_FRAMES, "yuv420p"),
        ({**X264, "x264-params": "8x8dct=1:cqm=jvt:bframes=3:nal-hrd=vbr:vbv-maxrate=900:vbv-bufsize=900"}, "yuv420p"),
        ({**X264, "x264-params": "interlaced=1:bframes=2"}, "yuv420p"),
        ({**X264, "x264-params": "bframes=3:b-adapt=0:ref=5:sar=3/2:fullrange=on:colorprim=bt709"}, "yuv444p"),
    ],
)
def test_without_reordering_every_frame_comes_with_its_packet(film, options: dict[str, str], pixel_format: str):
    path = film("film.mp4", count=40, options=options, pixel_format=pixel_format, size=(92, 150))
    sets = h264.ParameterSets.parse(extradata(path))
    late, prompt = (frames_by_packet(path, each.box()) for each in (sets, sets.with_reordering(0)))
    assert 0 in late and set(prompt) == {1}
    assert h264.sequence_facts(sets.with_reordering(0).sequence[0]) == h264.sequence_facts(sets.sequence[0])


def test_nothing_in_a_set_with_other_remarks_looks_like_a_start_code():
    fields = FIELDS.replace("000010100", 30 * "0" + "1" + 30 * "0")  # it is very wide
    zeros = bytes([0x67, 66, 0xC0, 30, *int(fields.ljust(96, "0"), 2).to_bytes(12, "big")])
    (unit,) = dataclasses.replace(SETS, sequence=(zeros,)).with_reordering(0).sequence
    assert b"\0\0\0" in zeros and b"\0\0\3" in unit
    assert b"\0\0\0" not in unit and b"\0\0\1" not in unit and b"\0\0\2" not in unit
    assert h264.sequence_facts(unit) == h264.sequence_facts(zeros)


def test_broken_sets_are_refused(film):
    box = extradata(film("film.mp4", count=5, options=B_FRAMES))
    for wrong in (None, b"", box[:12], b"\0\0\0\1\x67" + box[8:20], box[:5] + b"\xe0" + box[6:]):
        with pytest.raises(ValueError, match="its parameter sets"):
            h264.ParameterSets.parse(wrong)
    for short in (BY_HAND[:4], BY_HAND[:6]):
        with pytest.raises(ValueError, match="cut short"):
            h264.sequence_facts(short)
    with pytest.raises(ValueError, match="lengths"):
        list(h264.units(b"\0\0\0\x09ab", 4))


def test_start_codes_of_both_lengths_part_units():
    assert h264.units_between_start_codes(b"\0\0\0\1gA\0\0\1hB\0\0\0\1eC\0") == [b"gA", b"hB", b"eC"]
    assert h264.joined([b"\x67A", b"\x68B", b"\x06S", b"\x65C"], 4) == b"\0\0\0\2\x65C"
