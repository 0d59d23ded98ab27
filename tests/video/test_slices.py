"""How pictures are coded is what the decoder says of them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from panda_hf.video.packets import index_packets
from panda_hf.video.slices import SliceReader

INTRA, BIDIRECTIONAL = 1, 3  # AV_PICTURE_TYPE_I and _B


def film(path: Path, codec: str, params: str, **options: str) -> Path:
    """Shots of 60, 12 and 40 frames: the third comes too soon after the second for a key frame."""
    name = "x265-params" if codec == "libx265" else "x264-params"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "18", name: params, **options})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for seed, frames in enumerate((60, 12, 40)):
            blocks = np.random.default_rng(seed).integers(0, 256, (40, 112, 3))
            ground = np.kron(blocks, np.ones((5, 5, 1))).astype(np.uint8)
            for i in range(frames):
                picture = np.ascontiguousarray(ground[i // 4 : i // 4 + 96, i : i + 160])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def of_kind(kind: int, path: Path) -> list[int]:
    """Positions, as shown, of the pictures of which the decoder says that they are coded so."""
    with av.open(str(path)) as container:
        return [i for i, frame in enumerate(container.decode(video=0)) if int(frame.pict_type) == kind]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
@pytest.mark.parametrize(
    ("codec", "params"),
    [
        ("libx264", "keyint=250"),
        ("libx264", "slices=3:aud=1"),
        ("libx264", "bframes=0:cabac=0"),
        ("libx265", "keyint=250:log-level=none"),
    ],
)
def test_how_pictures_are_coded_is_what_the_decoder_says(tmp_path: Path, name: str, codec: str, params: str):
    path = film(tmp_path / name, codec, params)
    index = index_packets(str(path))
    assert index is not None
    found = np.flatnonzero(index.intra).tolist()
    assert found == of_kind(INTRA, path)
    assert 0 in found
    assert np.flatnonzero(index.bidirectional).tolist() == of_kind(BIDIRECTIONAL, path)
    assert index.bidirectional.any() == ("bframes=0" not in params)
    if codec == "libx264":  # it codes the third shot's first frame alone
        assert 72 in found and 72 not in index.keys


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
@pytest.mark.parametrize("params", ["keyint=30:min-keyint=30:open-gop=1:bframes=3", "keyint=30:aud=1"])
def test_at_key_packets_decoding_can_begin(tmp_path: Path, name: str, params: str):
    path = film(tmp_path / name, "libx264", params)
    index = index_packets(str(path))
    assert index is not None
    assert index.keys.tolist() == decoders_keys(path)
    assert len(index.keys) > 2


def test_pictures_that_a_container_wrongly_calls_key_are_none(tmp_path: Path):
    path = film(tmp_path / "film.mp4", "libx264", "keyint=250", preset="veryfast", tune="zerolatency")
    with av.open(str(path)) as container:
        called = [packet.pts for packet in container.demux(video=0) if packet.size and packet.is_keyframe]
    index = index_packets(str(path))
    assert index is not None
    assert index.keys.tolist() == decoders_keys(path)
    assert len(index.keys) < len(called)  # the encoder calls the third shot's first picture so, which is coded alone


def decoders_keys(path: Path) -> list[int]:
    """Positions, as shown, of the pictures that the decoder calls key."""
    with av.open(str(path)) as container:
        return [i for i, frame in enumerate(container.decode(video=0)) if frame.key_frame]


def test_a_codec_whose_headers_are_not_read_has_no_reader():
    assert SliceReader.of("vp9", b"") is None


@pytest.mark.parametrize("packet", [b"", b"\0\0\0", b"\0\0\0\5\x01", b"\xff\xff\xff\xff" * 3, bytes(64)])
@pytest.mark.parametrize("length_bytes", [0, 1, 4])
def test_of_a_damaged_packet_nothing_is_said(packet: bytes, length_bytes: int):
    for codec in ("h264", "hevc"):
        reader = SliceReader(codec, length_bytes)
        assert reader.kind(reader.head(memoryview(packet))) is None


@pytest.mark.parametrize("packet", [b"", b"\0\0\0", b"\0\0\0\2\x06\x06", b"\xff\xff\xff\xff" * 3, bytes(64)])
def test_at_a_damaged_packet_decoding_does_not_begin(packet: bytes):
    assert not any(SliceReader("h264", length).is_entry(memoryview(packet)) for length in (0, 4))
