from __future__ import annotations

import hashlib
import io
from pathlib import Path

import av
import pytest

from panda_hf.download.sections import cut_sections
from panda_hf.errors import VideoError
from panda_hf.mini.films import make_film, write_film
from panda_hf.video import CutClip, cut_clip, cut_clips, probe
from panda_hf.video.encode import ClipWriter

TIMES = [(4.0, 6.5), (0.0, 1.2), (1.0, 2.0), (9.99, 12.34), (0.5, 5.0)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(make_film(3, "test"), tmp_path_factory.mktemp("film"))


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A digest of all pictures and times that went into each finished clip.

    What x264 makes of the same pictures differs now and then by a few levels, also with one thread.
    """
    digests: list[str] = []
    write, finish = ClipWriter.write, ClipWriter.finish

    def noted(self: ClipWriter, picture: av.VideoFrame, appears: float, goes: float) -> None:
        held = self.__dict__.setdefault("digest", hashlib.sha256())
        held.update(picture.to_ndarray().tobytes() + f"{appears:.6f} {goes:.6f}".encode())
        write(self, picture, appears, goes)

    def finished(self: ClipWriter) -> None:
        digests.append(self.__dict__["digest"].hexdigest())
        finish(self)

    monkeypatch.setattr(ClipWriter, "write", noted)
    monkeypatch.setattr(ClipWriter, "finish", finished)
    return digests


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def test_each_clip_is_the_one_that_a_single_cut_makes(film: Path, tmp_path: Path, encoded: list[str]) -> None:
    made = cut_clips(film, [(*span, tmp_path / f"many{i}.mp4") for i, span in enumerate(TIMES)])
    together = sorted(encoded)
    encoded.clear()
    for i, span in enumerate(TIMES):
        alone = cut_clip(film, *span, tmp_path / f"one{i}.mp4")
        assert isinstance(made[i], CutClip)
        assert (made[i].frames, made[i].duration, made[i].has_audio) == (alone.frames, alone.duration, alone.has_audio)
        assert times_of(tmp_path / f"many{i}.mp4") == times_of(tmp_path / f"one{i}.mp4"), span
    assert together == sorted(encoded) and len(set(together)) == len(TIMES)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".mp4"] * (2 * len(TIMES))


def test_real_videos_are_cut_alike(shared: Path, tmp_path: Path, encoded: list[str]) -> None:
    for number, path in enumerate(sorted((shared / "data/videos").glob("*.mp4"))[:6]):
        duration = probe(path).duration or 0.0
        spans = [(duration * a, duration * b) for a, b in ((0.7, 0.8), (0.1, 0.2), (0.15, 0.3))]
        encoded.clear()
        cut_clips(path, [(*span, tmp_path / f"{number}-many{i}.mp4") for i, span in enumerate(spans)])
        together = sorted(encoded)
        encoded.clear()
        for i, span in enumerate(spans):
            cut_clip(path, *span, tmp_path / f"{number}-one{i}.mp4")
            assert times_of(tmp_path / f"{number}-many{i}.mp4") == times_of(tmp_path / f"{number}-one{i}.mp4")
        assert together == sorted(encoded) and len(together) == 3, path.name


@pytest.mark.timeout(60)
def test_clips_far_behind_the_key_frame_that_a_jump_finds_are_cut(tmp_path: Path) -> None:
    film = write_film(make_film(0, "test"), tmp_path)
    assert film.suffix == ".webm"  # its index is not read before the jump
    made = cut_clips(film, [(start, start + 1.0, tmp_path / f"{start}.mp4") for start in (9.0, 24.5, 44.0)])
    assert [round(clip.duration, 1) for clip in made if isinstance(clip, CutClip)] == [1.0] * 3


def test_a_clip_beyond_the_end_costs_the_others_nothing(film: Path, tmp_path: Path) -> None:
    end = probe(film).duration or 0.0
    tasks = [
        (end + 5, end + 6, tmp_path / "a.mp4"),
        (1.0, 2.0, tmp_path / "b.mp4"),
        (end - 0.5, end + 9, tmp_path / "c.mp4"),
    ]
    made = cut_clips(film, tasks)
    assert isinstance(made[0], VideoError) and "shows nothing" in str(made[0])
    assert isinstance(made[1], CutClip)
    assert isinstance(made[2], CutClip) and made[2].duration == pytest.approx(0.5, abs=0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.mp4", "c.mp4"]


def test_times_in_the_wrong_order_are_refused_before_anything_is_written(film: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="start < end"):
        cut_clips(film, [(0.0, 1.0, tmp_path / "a.mp4"), (3.0, 2.0, tmp_path / "b.mp4")])
    assert not list(tmp_path.iterdir())


class Counting(io.BytesIO):
    """A file that counts what is read of it."""

    total = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.total += len(data)
        return data


def test_sections_of_an_open_file_are_cut_without_reading_all_of_it(
    film: Path, tmp_path: Path, encoded: list[str]
) -> None:
    file = Counting(film.read_bytes())
    made = cut_sections(file, None, [(0.5, 1.0, tmp_path / "section.mp4")])
    assert isinstance(made[0], CutClip)
    cut_clip(film, 0.5, 1.0, tmp_path / "alone.mp4")
    assert encoded[0] == encoded[1]
    assert not file.closed


def test_sound_may_lie_in_a_file_of_its_own(film: Path, tmp_path: Path) -> None:
    from panda_hf.video.source import Source

    path = next(
        path for seed in range(12)
        if (path := write_film(make_film(seed, "test"), tmp_path / "films")) and _has_sound(path)
    )  # fmt: skip
    mute = tmp_path / "mute.mp4"
    with av.open(str(path)) as source, av.open(str(mute), "w") as target:
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = out
                target.mux(packet)
    made = cut_clips(mute, [(0.5, 1.5, tmp_path / "a.mp4")], sound=Source.of(path))
    assert isinstance(made[0], CutClip) and made[0].has_audio
    assert not getattr(cut_clips(mute, [(0.5, 1.5, tmp_path / "b.mp4")])[0], "has_audio", True)


def _has_sound(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.audio)
