"""Whether a file is all there, and joining picture and sound."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

pytest.importorskip("yt_dlp")

from panda_hf.download import whole
from panda_hf.download.verdict import NotAVideo, NotWhole
from tests.download.conftest import make_film


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("format", ["mp4", "matroska", "mpegts"])
def test_a_whole_file_is_as_long_as_it_was_made(tmp_path: Path, format: str) -> None:
    assert whole.check_whole(written(tmp_path / "a", make_film(format=format))) == pytest.approx(4.0, abs=0.15)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("format", ["mp4", "matroska"])
def test_a_file_that_was_cut_short_is_noticed(tmp_path: Path, film: bytes, share: float, format: str) -> None:
    data = make_film(format=format)
    with pytest.raises(NotWhole):
        whole.check_whole(written(tmp_path / "a.mp4", data[: int(share * len(data))]))


def test_an_index_at_the_end_that_is_missing_means_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:  # without faststart the index comes last
        stream = output.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(stream.encode(None))
    written(path, path.read_bytes()[:-400])
    with pytest.raises(NotWhole):
        whole.check_whole(path)
    written(path, path.read_bytes()[:-2000])
    with pytest.raises(NotWhole):
        whole.check_whole(path)


def test_much_less_than_the_site_promised_is_not_whole(tmp_path: Path, film: bytes) -> None:
    path = written(tmp_path / "a.mp4", film)
    whole.check_whole(path, site_seconds=4.3)
    with pytest.raises(NotWhole, match="4.0 of 60.0 s"):
        whole.check_whole(path, site_seconds=60.0)


def test_other_files_are_no_videos(tmp_path: Path) -> None:
    for data in (b"<html><body>no</body></html>" * 9, b"#EXTM3U\n/etc/passwd\n", bytes(5000)):
        with pytest.raises(NotAVideo):
            whole.check_whole(written(tmp_path / "a.mp4", data))
    with pytest.raises(NotAVideo):
        whole.check_whole(written(tmp_path / "a.mp4", make_film(picture=False)))
    whole.check_whole(written(tmp_path / "a.m4a", make_film(picture=False)), picture=False)


def test_joining_keeps_every_packet_and_the_same_pictures(tmp_path: Path, silent_film: bytes) -> None:
    picture = written(tmp_path / "p.mp4", silent_film)
    sound = written(tmp_path / "s.m4a", make_film(picture=False))
    joined = tmp_path / "j.mp4"
    whole.join(picture, sound, joined)
    assert whole.check_whole(joined) == pytest.approx(4.0, abs=0.01)
    with av.open(str(joined)) as after, av.open(str(picture)) as before, av.open(str(sound)) as tone:
        assert [f.to_ndarray().tobytes() for f in after.decode(video=0)] == [
            f.to_ndarray().tobytes() for f in before.decode(video=0)
        ]
        after.seek(0)
        assert sum(p.size for p in after.demux(audio=0)) == sum(p.size for p in tone.demux(audio=0))


def test_a_transport_stream_is_packed_to_start_at_zero(tmp_path: Path) -> None:
    stream = written(tmp_path / "a.mp4", make_film(format="mpegts"))
    assert whole.suffix_of(stream) is None
    joined = tmp_path / f"j{whole.joined_suffix(stream)}"
    whole.join(stream, None, joined)
    with av.open(str(joined)) as container:
        assert container.format.name.startswith("mov")
        assert container.start_time == pytest.approx(0, abs=200_000)
        assert sum(1 for _ in container.decode(video=0)) == 40
        assert len(container.streams.audio) == 1


def test_suffixes_come_from_the_content(tmp_path: Path, film: bytes) -> None:
    assert whole.suffix_of(written(tmp_path / "a.html", film)) == ".mp4"
    assert whole.suffix_of(written(tmp_path / "a.mov", film)) == ".mov"
    assert whole.suffix_of(written(tmp_path / "a.mp4", make_film(format="matroska"))) == ".mkv"
