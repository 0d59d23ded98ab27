"""What encoders write of their key frames is read where they write it, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from panda_hf.video.encoder_options import EncoderOptions, encoder_options
from panda_hf.video.packets import index_packets

SEEKS, FIXED = EncoderOptions(True, 250, True), EncoderOptions(False, 40, True)
SEEKS_CUTS, SEEKS_NOTHING = EncoderOptions(True, 250), EncoderOptions(False, 40)


def film(path: Path, codec: str, **options: str) -> Path:
    """Two seconds of one grey."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for _ in range(50):
            picture = np.full((96, 160, 3), 99, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
@pytest.mark.parametrize(
    ("codec", "params", "told"),
    [
        ("libx264", "", SEEKS),
        ("libx264", "scenecut=0:keyint=40", FIXED),
        ("libx264", "keyint=infinite", EncoderOptions(True, None, True)),
        ("libx264", "weightp=1", SEEKS),
        ("libx264", "weightp=0", SEEKS_CUTS),
        ("libx264", "intra-refresh=1", None),
        ("libx265", "log-level=none", SEEKS_CUTS),
        ("libx265", "log-level=none:scenecut=0:keyint=40", SEEKS_NOTHING),
        ("libx265", "log-level=none:no-scenecut=1:keyint=40", SEEKS_NOTHING),
    ],
)
def test_x264_and_x265_tell_how_they_choose_key_frames(
    tmp_path: Path, name: str, codec: str, params: str, told: EncoderOptions | None
):
    kind = "x265-params" if codec == "libx265" else "x264-params"
    index = index_packets(str(film(tmp_path / name, codec, **{kind: params})))
    assert index is not None
    assert index.encoder == told


def test_an_encoder_that_tells_nothing_is_not_guessed_at(tmp_path: Path):
    index = index_packets(str(film(tmp_path / "film.webm", "libvpx-vp9", deadline="realtime")))
    assert index is not None
    assert index.encoder is None


def joined(first: Path, second: Path, out: Path) -> Path:
    """Packets of two films in a row, as transport streams may be put together."""
    out.write_bytes(first.read_bytes() + second.read_bytes())
    return out


def test_of_two_encoders_that_tell_different_things_in_one_file_neither_is_believed(tmp_path: Path):
    one = film(tmp_path / "one.h264", "libx264")
    same = film(tmp_path / "same.h264", "libx264", crf="30")
    other = film(tmp_path / "other.h264", "libx264", **{"x264-params": "scenecut=0"})
    kinds = []
    for number, second in enumerate((same, other)):
        path = remuxed(joined(one, second, tmp_path / f"raw{number}.h264"), tmp_path / f"joined{number}.mkv")
        index = index_packets(str(path))
        assert index is not None and len(index.times) == 100
        kinds.append(index.encoder)
    assert kinds == [SEEKS, None]


def remuxed(raw: Path, out: Path) -> Path:
    """A bare stream in a container that has times."""
    with av.open(str(raw), options={"framerate": "25"}) as source, av.open(str(out), "w") as sink:
        stream = sink.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size:
                packet.pts = packet.dts = number * round(1 / (25 * packet.time_base))
                packet.stream = stream
                sink.mux(packet)
    return out


HEAD = b"x264 - core 164 - H.264/MPEG-4 AVC codec - options: cabac=1 "


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"options: keyint=250 scenecut=40",  # by nobody
        b"x264 - core 164 - H.264/MPEG-4 AVC codec",
        HEAD + b"keyint=250",
        HEAD + b"scenecut=40",
        HEAD + b"keyint=250 scenecut=-1",
        HEAD + b"keyint=250 scenecut=forty",
        HEAD + b"keyint=250\0 scenecut=40",
        HEAD + b"keyint=\xff\xfe scenecut=\xb2",
    ],
)
def test_half_a_message_tells_nothing(message: bytes):
    assert encoder_options(message) is None


def test_a_length_that_is_none_is_no_limit():
    assert encoder_options(HEAD + b"keyint=0 scenecut=40") == EncoderOptions(True, None)
