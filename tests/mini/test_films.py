"""Films on disk are real files that hold what the truth beside them says."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import av
import numpy as np
import pysubs2
import pytest
from typer.testing import CliRunner

from panda_hf.mini.film import Cue, Encoding, Film, make_film
from panda_hf.mini.films import read_truth, truth_of, write_film, write_films
from panda_hf.mini.render import render_frames
from panda_hf.mini.truth import canonical_caption


def short_film(**changes) -> Film:
    return dataclasses.replace(make_film(11, "test", scenes=2), fps=12.0, size=(180, 320), **changes)


def decoded(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with av.open(str(path)) as container:
        frames = [(frame.to_ndarray(format="rgb24"), frame.time) for frame in container.decode(video=0)]
    images, times = zip(*frames, strict=True)
    return list(images), [time - times[0] for time in times]


def first_frame(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


@pytest.mark.parametrize(("container", "codec"), [("mp4", "h264"), ("mkv", "h264"), ("webm", "vp9")])
def test_a_film_is_a_real_file_of_its_length_and_size(container: str, codec: str, tmp_path: Path) -> None:
    film = short_film(encoding=Encoding(container=container, audio=True))  # type: ignore[arg-type]
    path = write_film(film, tmp_path / "films")
    assert path.name == f"film_test_0011.{container}"
    with av.open(str(path)) as file:
        assert file.streams.video[0].codec_context.name == codec
        assert len(file.streams.audio) == 1
    images, times = decoded(path)
    assert len(images) == film.frame_count and images[0].shape == (180, 320, 3)
    assert times == pytest.approx([i / 12 for i in range(len(images))], abs=0.002)


def test_decoded_frames_are_the_frames_drawn(tmp_path: Path) -> None:
    film = short_film(encoding=Encoding(quality=20))
    images, _ = decoded(write_film(film, tmp_path))
    picks = [0, 7, len(images) // 2, len(images) - 1]
    drawn = render_frames(film, [(i + 0.01) / film.fps for i in picks])
    for i, image in zip(picks, drawn, strict=True):
        assert np.abs(images[i].astype(int) - image).mean() < 6


def test_the_picture_jumps_at_each_cut_and_nowhere_else(tmp_path: Path) -> None:
    film = make_film(0, "test", scenes=4)
    hard = tuple(
        dataclasses.replace(joint, kind="cut", start=joint.time, end=joint.time) for joint in film.transitions
    )
    film = dataclasses.replace(film, transitions=hard, flashes=(), encoding=Encoding())
    images, times = decoded(write_film(film, tmp_path))
    jumps = [np.abs(b.astype(int) - a).mean() for a, b in zip(images, images[1:], strict=False)]
    found = sorted(times[i + 1] for i in np.argsort(jumps)[-len(film.cuts) :])
    assert found == pytest.approx(list(film.cuts), abs=0.01)


def test_b_frames_and_key_frames_vary_with_the_encoding(tmp_path: Path) -> None:
    def pictures(encoding: Encoding, name: str) -> list[av.video.frame.PictureType]:
        path = write_film(short_film(encoding=encoding, film_id=name), tmp_path)
        with av.open(str(path)) as container:
            return [frame.pict_type for frame in container.decode(video=0)]

    types = av.video.frame.PictureType
    many, none = pictures(Encoding(key_frame_distance=12), "many"), pictures(Encoding(b_frames=0), "none")
    assert types.B in many and types.B not in none
    assert many.count(types.I) >= len(many) // 12


@pytest.mark.parametrize("suffix", ["srt", "vtt"])
def test_subtitles_are_read_by_another_program(suffix: str, tmp_path: Path) -> None:
    cues = (Cue(0.5, 1.25, "Meet Bobo!"), Cue(61.004, 3725.5, "Where is Kiki today?"))
    film = short_film(encoding=Encoding(subtitle_format=suffix), subtitles=cues)  # type: ignore[arg-type]
    events = pysubs2.load(str(write_film(film, tmp_path).with_suffix(f".{suffix}")))
    assert [(e.start / 1000, e.end / 1000, e.text) for e in events] == [(c.start, c.end, c.text) for c in cues]


def test_a_silent_film_has_no_subtitle_file(tmp_path: Path) -> None:
    path = write_film(short_film(subtitles=()), tmp_path)
    assert not path.with_suffix(".srt").exists() and not path.with_suffix(".vtt").exists()


def test_metadata_has_the_fields_of_a_downloader(tmp_path: Path) -> None:
    film = short_film(title="Greetings from Paris", description=None)
    data = json.loads(write_film(film, tmp_path).with_suffix(".json").read_text())
    assert data["id"] == film.film_id and data["title"] == "Greetings from Paris" and "description" not in data


def test_the_truth_is_read_back_whole(tmp_path: Path) -> None:
    film = make_film(5, "validation", scenes=2)
    path = write_film(film, tmp_path)
    assert read_truth(path) == film == read_truth(truth_of(path))
    answers = json.loads(truth_of(path).read_text())["answers"]
    assert [answer["caption"] for answer in answers] == [canonical_caption(scene) for scene in film.scenes]


def test_workers_write_the_same_films(tmp_path: Path) -> None:
    alone = write_films(tmp_path / "a", "train", 2, first_seed=7)
    together = write_films(tmp_path / "b", "train", 2, first_seed=7, workers=2)
    assert [path.name for path in alone] == [path.name for path in together]
    for one, other in zip(alone, together, strict=True):
        assert read_truth(one) == read_truth(other)
        assert np.array_equal(first_frame(one), first_frame(other))


def test_a_film_of_each_container_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    once, again = (write_films(tmp_path / name, "test", 3) for name in "ab")
    assert {path.suffix for path in once} == {".mp4", ".mkv", ".webm"}
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_the_command_writes_films_and_refuses_an_unknown_split(tmp_path: Path) -> None:
    import typer

    from panda_hf.cli.films import films

    app = typer.Typer()
    app.command()(films)
    done = CliRunner().invoke(app, [str(tmp_path / "out"), "--count", "1", "--split", "validation", "--seed", "3"])
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "out").glob("film_validation_0003.truth.json"))) == 1
    refused = CliRunner().invoke(app, [str(tmp_path / "out"), "--split", "holdout"])
    assert refused.exit_code == 2 and "holdout" in refused.output
