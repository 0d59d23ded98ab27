"""How much of another frame's light P-frames take is what libav reads in their headers."""

from __future__ import annotations

import re
from pathlib import Path

import av
import av.logging
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from panda_hf.video.h264 import ParameterSets, picture_facts
from panda_hf.video.packets import index_packets
from panda_hf.video.slices import SliceReader
from panda_hf.video.weights import WeightReader
from tests.video.films import without_notes
from tests.video.test_encoder_options import joined, remuxed

FADE = range(30, 50)
FIELD = re.compile(r"^\d+\s+(\S+)\s+[01]* = (-?\d+)")


def film(
    path: Path, params: str, pixel_format: str = "yuv420p", *, fades: bool = True, brightens: bool = False
) -> Path:
    """Three seconds of one picture that moves a little; in the second it grows dark, or bright."""
    blocks = np.random.default_rng(7).integers(0, 256, (24, 64, 3))
    ground = np.kron(blocks, np.ones((5, 5, 1)))
    order = range(74, -1, -1) if brightens else range(75)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "18", "x264-params": params})
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixel_format
        for i in order:
            light = min(1.0, max(0.1, 1 - 0.9 * (i - FADE.start) / len(FADE))) if fades else 1.0
            picture = np.ascontiguousarray(light * ground[:96, i // 2 : i // 2 + 160]).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def traced(path: Path) -> dict[int, float]:
    """The weight of the first slice of each packet by its timestamp, as libav's ``trace_headers`` tells it."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    found: dict[int, float] = {}
    try:
        with av.open(str(path)) as container:
            reader = BitStreamFilterContext("trace_headers", container.streams.video[0])
            for packet in container.demux(video=0):
                if packet.pts is None or not packet.size:
                    continue
                pts = packet.pts
                with av.logging.Capture(local=True) as lines:
                    reader.filter(packet)  # which takes what the packet holds
                fields = [FIELD.match(text) for _, name, text in lines if name == "trace_headers"]
                found[pts] = weight_of([(match[1], int(match[2])) for match in fields if match])
    finally:
        av.logging.set_level(level)
    return found


def weight_of(fields: list[tuple[str, int]]) -> float:
    """By the fields of a packet's first slice."""
    slices = [place for place, field in enumerate(fields) if field[0] == "first_mb_in_slice"]
    first = dict(reversed(fields[slices[0] : slices[1] if len(slices) > 1 else None]))
    if first["slice_type"] % 5 != 0 or not first.get("luma_weight_l0_flag[0]", 0):
        return 1.0
    return first["luma_weight_l0[0]"] / (1 << first["luma_log2_weight_denom"])


def read(path: Path) -> dict[int, float]:
    """The same as it is read here."""
    with av.open(str(path)) as container:
        box = container.streams.video[0].codec_context.extradata
        weights, slices = WeightReader.of("h264", box), SliceReader.of("h264", box)
        assert weights is not None and slices is not None
        return {
            packet.pts: weights.weight(slices.head(memoryview(packet)))
            for packet in container.demux(video=0)
            if packet.size and packet.pts is not None
        }


@pytest.mark.parametrize(
    ("name", "params", "pixel_format"),
    [
        ("film.mp4", "keyint=250", "yuv420p"),
        ("film.mkv", "keyint=250:weightp=1", "yuv420p"),
        ("film.ts", "keyint=40:open-gop=1:slices=3:aud=1", "yuv420p"),
        ("film.mp4", "bframes=0:ref=5", "yuv420p"),
        ("film.mp4", "bframes=3:b-pyramid=normal:cabac=0", "yuv444p"),
        ("film.mp4", "keyint=250", "yuv420p10le"),
        ("film.mp4", "keyint=250", "gray"),
    ],
)
def test_weights_are_those_that_libav_reads(tmp_path: Path, name: str, params: str, pixel_format: str):
    path = film(tmp_path / name, params, pixel_format)
    found, told = read(path), traced(path)
    assert found == told
    assert sum(abs(weight - 1) >= 0.03 for weight in found.values()) >= 3


def test_in_a_fade_frames_are_fading_and_before_it_none(tmp_path: Path):
    index = index_packets(film(tmp_path / "film.mp4", "keyint=250"))
    assert index is not None and index.fading is not None
    places = np.flatnonzero(index.fading)
    assert len(places) >= 3
    assert set(places) <= set(range(FADE.start, FADE.stop + 4))


def test_a_picture_that_grows_bright_is_fading_too(tmp_path: Path):
    index = index_packets(film(tmp_path / "film.mp4", "keyint=250:scenecut=0", brightens=True))
    assert index is not None and index.fading is not None
    places = np.flatnonzero(index.fading)
    assert len(places) >= 3
    assert set(places) <= set(range(75 - FADE.stop, 79 - FADE.start))


def test_of_an_encoder_that_says_nothing_one_fading_frame_tells_that_it_looked(tmp_path: Path):
    for name, fades in (("fades.mp4", True), ("none.mp4", False)):
        path = without_notes(film(tmp_path / name, "keyint=250", fades=fades))
        index = index_packets(path)
        assert index is not None and index.encoder is None
        assert (index.fading is not None) == fades


def test_what_cannot_be_read_is_not_taken_for_none(tmp_path: Path):
    path = film(tmp_path / "film.mp4", "keyint=250:fake-interlaced=1")
    index = index_packets(path)
    assert index is not None and index.encoder is not None and index.encoder.seeks_fades
    assert index.fading is None


@pytest.mark.parametrize(("params", "is_known"), [("keyint=250", True), ("keyint=250:weightp=0", False)])
def test_parameter_sets_among_the_packets_must_be_those_of_the_container(tmp_path: Path, params: str, is_known: bool):
    raw = [film(tmp_path / "one.h264", "keyint=250"), film(tmp_path / "two.h264", params)]
    index = index_packets(remuxed(joined(*raw, tmp_path / "both.h264"), tmp_path / "film.mkv"))
    assert index is not None and len(index.times) == 150
    assert (index.fading is not None) == is_known
    assert not is_known or np.array_equal(index.fading[:75], index.fading[75:])


def test_sets_that_say_the_same_of_the_encoder_but_other_things_of_its_slices_are_other_sets(tmp_path: Path):
    raw = [film(tmp_path / "one.h264", "keyint=250"), film(tmp_path / "two.h264", "keyint=250:ref=1:bframes=0")]
    index = index_packets(remuxed(joined(*raw, tmp_path / "both.h264"), tmp_path / "film.mkv"))
    assert index is not None and index.encoder is not None and index.encoder.seeks_fades
    assert index.fading is None


@pytest.mark.parametrize("params", ["keyint=250", "keyint=250:weightp=1"])
def test_where_nothing_fades_an_encoder_that_looked_for_it_is_believed(tmp_path: Path, params: str):
    index = index_packets(film(tmp_path / "film.mp4", params, fades=False))
    assert index is not None and index.fading is not None
    assert not index.fading.any()


@pytest.mark.parametrize("params", ["keyint=250:weightp=0", "keyint=250:interlaced=1"])
def test_of_an_encoder_that_did_not_look_for_fades_nothing_is_known(tmp_path: Path, params: str):
    path = film(tmp_path / "film.mp4", params)
    index = index_packets(path)
    assert index is not None and index.fading is None
    with av.open(str(path)) as container:
        assert WeightReader.of("h264", container.streams.video[0].codec_context.extradata) is None


def extradata(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return bytes(container.streams.video[0].codec_context.extradata or b"")


def test_nothing_is_read_of_other_codecs_several_sets_or_damaged_ones(tmp_path: Path):
    box = extradata(film(tmp_path / "film.mp4", "keyint=250"))
    sets = ParameterSets.parse(box)
    assert WeightReader.of("h264", box) is not None
    two = ParameterSets(sets.head, sets.length_bytes, sets.sequence, sets.picture * 2, sets.tail)
    for other in (None, b"", b"\0", bytes(40), two.box(), b"\0\0\0\1\x09\xf0", b"\0" + box, box[:12]):
        assert WeightReader.of("h264", other) is None
    assert WeightReader.of("hevc", box) is None


@pytest.mark.parametrize("unit", [b"", b"\x41", b"\x41\x9a", bytes(64), b"\xff" * 3])
def test_of_a_slice_cut_short_nothing_is_made_up(tmp_path: Path, unit: bytes):
    box = extradata(film(tmp_path / "film.mp4", "keyint=250"))
    weights, slices = WeightReader.of("h264", box), SliceReader.of("h264", box)
    assert weights is not None and slices is not None
    with pytest.raises(ValueError, match="cut short"):
        weights.weight(unit)
    assert not slices.is_fading(slices.head(memoryview(len(unit).to_bytes(4, "big") + unit)))


def test_zeros_before_a_start_code_are_no_unit(tmp_path: Path):
    path = film(tmp_path / "film.ts", "keyint=250")
    for zeros in (b"", b"\0", b"\0\0"):
        assert WeightReader.of("h264", zeros + extradata(path)) is not None


def test_a_weight_in_finer_steps_than_there_are_is_damage(tmp_path: Path):
    weights = WeightReader.of("h264", extradata(film(tmp_path / "film.mp4", "keyint=250")))
    assert weights is not None
    order = "0" * (weights.sequence.frame_number_bits + weights.sequence.order_bits)
    for steps, weight in (("00111", 100 / 64), ("0001000", 100 / 128)):  # 6 and 7 in Exp-Golomb
        bits = f"1 1 1 {order} 0 0 {steps} 1 1 000000011001000"  # chroma in whole steps; 100
        assert weights.weight(b"\x41" + packed(bits)) == weight
    with pytest.raises(ValueError, match="fine"):
        weights.weight(b"\x41" + packed(f"111{order}000001001" + 40 * "1"))


def packed(bits: str) -> bytes:
    """Bits as bytes, and more after them."""
    return exactly(bits.replace(" ", "").ljust(200, "1"))


ORDERS = {0: "1 010", 1: "010 0 1 1 1", 2: "011"}
"""By which slices tell when they are shown: in 5 bits, by differences, not at all."""


def by_hand(
    order: int = 0, *, progressive: bool = True, bottom: int = 0, weighted: int = 1, redundant: int = 0
) -> bytes:
    """Parameter sets between start codes, field by field after 7.3.2.1.1 and 7.3.2.2 of the standard."""
    sequence = f"1 1 {ORDERS[order]} 1 0 00101 00101 {'1' if progressive else '0 0'} 1 0 0 1"
    picture = f"1 1 0 {bottom} 1 1 1 {weighted} 00 1 1 1 0 0 {redundant} 1"
    units = bytes([0x67, 66, 0, 30]) + exactly(sequence), b"\x68" + exactly(picture)
    return b"".join(b"\0\0\1" + unit for unit in units)


def exactly(bits: str) -> bytes:
    """Bits as bytes."""
    bits = bits.replace(" ", "")
    return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))


def test_of_interlaced_streams_and_those_in_order_of_differences_nothing_is_known():
    known = [
        WeightReader.of("h264", by_hand(order, progressive=whole)) for order in (0, 1, 2) for whole in (True, False)
    ]
    assert [reader is not None for reader in known] == [True, False, False, False, True, False]
    assert WeightReader.of("h264", by_hand(weighted=0)) is None


@pytest.mark.parametrize(
    ("order", "bottom", "redundant", "place"),
    [
        (0, 0, 0, "0000 00000"),
        (0, 1, 0, "0000 00000 1"),
        (0, 0, 1, "0000 00000 1"),
        (0, 1, 1, "0000 00000 1 1"),
        (2, 0, 0, "0000"),
    ],
)
@pytest.mark.parametrize(
    ("told", "is_fading"),
    [("0000001111100", True), ("0000001111110", False), ("000000010000010", False), ("000000010000100", True)],
    ids=["62 of 64", "63 of 64", "65 of 64", "66 of 64"],
)
@pytest.mark.parametrize("kind", ["1", "00100", "00110", "010"], ids=["P", "SP", "P only", "B"])
def test_a_slice_written_by_hand_is_read(
    order: int, bottom: int, redundant: int, place: str, told: str, is_fading: bool, kind: str
):
    slices = SliceReader.of("h264", by_hand(order, bottom=bottom, redundant=redundant))
    assert slices is not None and slices.weights is not None
    unit = b"\x41" + packed(f"1{kind}1{place}0000111" + "1" + "1" + told)
    assert slices.is_fading(slices.head(memoryview(b"\0\0\1" + unit))) == (is_fading and kind != "010")


def test_parameter_sets_in_a_key_packet_must_be_the_known_ones():
    known, other = by_hand(), by_hand(bottom=1)
    slices, picture = SliceReader.of("h264", known), b"\0\0\1\x65" + bytes(range(1, 90))
    assert slices is not None
    assert slices.reads_weights_of(memoryview(picture))
    assert slices.reads_weights_of(memoryview(known + picture)) and slices.reads_weights_of(memoryview(known))
    assert not slices.reads_weights_of(memoryview(other + picture))
    assert slices.reads_weights_of(memoryview(picture + other))  # not of this picture


def test_a_picture_set_of_several_groups_of_slices_is_refused():
    with pytest.raises(ValueError, match="groups of slices"):
        picture_facts(bytes([0x68, 0b11_1_0_010_0]))
