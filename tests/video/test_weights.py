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

FADE = range(30, 50)
FIELD = re.compile(r"^\d+\s+(\S+)\s+[01]* = (-?\d+)")


def film(path: Path, params: str, pixel_format: str = "yuv420p", *, fades: bool = True) -> Path:
    """Three seconds of one picture that moves a little; in the second it grows dark."""
    blocks = np.random.default_rng(7).integers(0, 256, (24, 64, 3))
    ground = np.kron(blocks, np.ones((5, 5, 1)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "18", "x264-params": params})
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixel_format
        for i in range(75):
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
            packet.pts: weights.weight(slices.first_slice(memoryview(packet)))
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
    for other in (None, b"", two.box(), b"\0\0\0\1\x09\xf0", box[:12]):
        assert WeightReader.of("h264", other) is None
    assert WeightReader.of("hevc", box) is None


@pytest.mark.parametrize("unit", [b"", b"\x41", b"\x41\x9a", bytes(64), b"\xff" * 3])
def test_of_a_slice_cut_short_nothing_is_made_up(tmp_path: Path, unit: bytes):
    box = extradata(film(tmp_path / "film.mp4", "keyint=250"))
    weights, slices = WeightReader.of("h264", box), SliceReader.of("h264", box)
    assert weights is not None and slices is not None
    with pytest.raises(ValueError, match="cut short"):
        weights.weight(unit)
    assert not slices.is_fading(memoryview(len(unit).to_bytes(4, "big") + unit))


def test_a_picture_set_of_several_groups_of_slices_is_refused():
    with pytest.raises(ValueError, match="groups of slices"):
        picture_facts(bytes([0x68, 0b11_1_0_010_0]))
