"""A long video: looked at once, stitched anew without decoding, captioned clip by clip, taken along whole."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import load_dataset

from panda_hf.errors import HubError, VideoError
from panda_hf.showing.cast import Cast
from panda_hf.showing.collection import Collection
from panda_hf.showing.desk import Desk
from panda_hf.showing.films import ExampleFilm
from panda_hf.showing.long_video import Long, caption_clips, scan_film, settings_of, video_id_of
from panda_hf.showing.repository import UNPACKED, push_repository, write_repository, write_zip
from panda_hf.showing.student import Words
from panda_hf.splitting import Split
from panda_hf.splitting.settings import DEFAULT, SplitSettings

FINE = dataclasses.replace(DEFAULT, max_stitch_distance=0.05, min_seconds=0.5, still_distance=0.0, trim_fraction=0.0)


@pytest.fixture(scope="module")
def heard() -> list[float]:
    return []


@pytest.fixture(scope="module")
def long(desk: Desk, cast: Cast, film: Path, heard: list[float]) -> Iterator[Long]:
    """The film as a visitor's upload, which is gone once it was looked at."""
    own = desk.visits.adopt(desk.visits.of("long"), str(film), "my film.mp4", one_clip=False)
    for said in scan_film(own, cast.split(), desk.visits.helpers, desk.limits):
        if isinstance(said, Long):
            yield dataclasses.replace(said, words=Words("<b>Title</b>", None, None))
        else:
            heard.append(said)


def by_the_stage(film: Path, settings: SplitSettings) -> dict:
    out = Split(settings=settings)({"video": [{"path": str(film), "bytes": None}]})
    assert out.pop("error") == [None]
    return {name: values[0] for name, values in out.items()}


@pytest.mark.parametrize("settings", [DEFAULT, FINE])
def test_stitching_anew_gives_what_the_stage_gives_and_opens_no_file(
    long: Long, film: Path, settings: SplitSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = by_the_stage(film, settings)
    monkeypatch.setattr("av.open", None)
    assert long.stitched(settings) == expected and expected["clips"]


def test_other_thresholds_give_other_clips(long: Long) -> None:
    assert long.stitched(FINE)["clips"] != long.stitched(DEFAULT)["clips"]


def test_sliders_change_what_comes_after_the_looking_and_nothing_else() -> None:
    assert settings_of(DEFAULT, {"min_seconds": 1.0}) == dataclasses.replace(DEFAULT, min_seconds=1.0)
    with pytest.raises(ValueError, match="detector_threshold"):
        settings_of(DEFAULT, {"detector_threshold": 1.0})
    with pytest.raises(ValueError, match="max_stitch_distance=9"):
        settings_of(DEFAULT, {"max_stitch_distance": 9.0})


def test_a_video_that_goes_on_beyond_the_limit_is_given_up(desk: Desk, cast: Cast, film: Path) -> None:
    own = desk.visits.adopt(desk.visits.of("long"), str(film), "a.mp4", one_clip=False)
    limits = dataclasses.replace(desk.limits, max_seconds=1.0)
    with pytest.raises(VideoError, match="goes on after 1 s"):
        list(scan_film(own, cast.split(), desk.visits.helpers, limits))


def test_names_of_rows_are_letters_and_digits() -> None:
    assert [video_id_of(name) for name in ("a b/<i>.mp4", "...", "Ünï.webm")] == ["a_b__i", "video", "Ünï"]


@pytest.fixture(scope="module")
def captioned(long: Long, desk: Desk, cast: Cast) -> Long:
    told = list(caption_clips(long, long.clips(DEFAULT), cast, desk.visits.helpers, desk.limits))
    assert any("mini_text" in doing for doing in told)
    return long


def test_captions_are_kept_for_clips_that_come_back(captioned: Long, desk: Desk, cast: Cast) -> None:
    clips = captioned.clips(DEFAULT)
    assert clips and all(clip["caption"] and len(clip["candidates"]) == 2 for clip in clips)
    assert not list(caption_clips(captioned, clips, cast, desk.visits.helpers, desk.limits))
    assert not any(
        "caption" in clip for clip in captioned.clips(FINE) if (clip["start"], clip["end"]) not in known(clips)
    )


def known(clips: list[dict]) -> set[tuple[float, float]]:
    return {(clip["start"], clip["end"]) for clip in clips}


@pytest.fixture(scope="module")
def repository(captioned: Long, cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_repository(captioned, DEFAULT, cast, tmp_path_factory.mktemp("out") / "my_film", "cc0-1.0")


def test_the_repository_loads_and_says_what_the_page_says(repository: Path, captioned: Long, tmp_path: Path) -> None:
    with zipfile.ZipFile(write_zip(repository)) as archive:
        archive.extractall(tmp_path / "out")
    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    shown = captioned.clips(DEFAULT)
    assert [row["caption"] for row in rows] == [clip["caption"] for clip in shown]
    assert [row["start"] for row in rows] == [clip["start"] for clip in shown]
    assert all((tmp_path / "out" / row["clip_path"]).is_file() for row in rows)
    head = json.loads((tmp_path / "out" / "manifest.jsonl").read_text().splitlines()[0])
    assert [step["name"] for step in head["steps"]][:1] == ["Split"] and "known" not in head["steps"][0]["settings"]


def test_the_call_that_explore_shows_loads_that_very_row(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    path = write_zip(repository)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.stem)  # as `unzip dataset.zip -d dataset`
    found = Collection.open(str(repository), max_rows=100, label="my_film", address=UNPACKED)
    folder = Collection.open("dataset", max_rows=100, address="dataset")
    assert len(found.rows) > 1
    for row in (found.rows[0], found.rows[-1]):
        for code in (found.code(row), folder.code(row)):
            assert code is not None and eval(code)["clip_id"] == row["clip_id"]
    assert found.code(found.rows[1]) == "load_dataset('dataset', split='train')[1]"
    assert Collection.open(str(repository), max_rows=100).code(found.rows[0]) is None


def test_what_is_taken_along_names_no_path_of_this_machine(repository: Path, desk: Desk) -> None:
    for path in [path for path in repository.rglob("*") if path.is_file()]:
        assert str(desk.visits.root).encode() not in path.read_bytes(), path.name


def test_captions_that_are_known_are_not_asked_for_again(
    captioned: Long, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panda_hf.captioning.caption.load_teacher", None)
    write_repository(captioned, DEFAULT, cast, tmp_path / "again", None)


def test_nothing_is_written_of_no_clip(captioned: Long, cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="No clip is left"):
        write_repository(captioned, dataclasses.replace(DEFAULT, min_seconds=59.0), cast, tmp_path / "none", None)


def test_a_push_without_a_token_never_uses_the_one_of_this_machine(repository: Path) -> None:
    for token in ("", "   "):
        with pytest.raises(HubError, match="Give a token"):
            push_repository(repository, "user/name", token, private=True)


def test_no_message_of_a_failed_push_holds_the_token(repository: Path) -> None:
    with pytest.raises(HubError) as told:
        push_repository(repository, "hf_secret", "hf_secret", private=True)
    assert "hf_secret" not in str(told.value) and told.value.__cause__ is None


def test_examples_are_films_with_words(tmp_path: Path) -> None:
    from panda_hf.showing.films import load_examples

    clips, films = load_examples(Path(__file__).parents[2] / "spaces" / "panda-captioner" / "examples")
    assert len(clips) == 3 and len(films) == 2 and load_examples(tmp_path) == ([], [])
    assert all(isinstance(film, ExampleFilm) and film.poster.startswith("data:image/jpeg") for film in clips + films)
    assert all(clip.subtitle for clip in clips) and min(film.info.duration or 0 for film in films) > 30
