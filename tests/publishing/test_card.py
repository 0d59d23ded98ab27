"""The dataset card: valid front matter, loadable folder, true figures, harmless text."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml
from datasets import load_dataset

from panda_hf.publishing import write_card
from panda_hf.publishing.card import meaning, size_category, stated_license
from tests.publishing.synthetic import CLIP_FEATURES, clip_row, film, video_row, write_manifest, write_output


def front_matter(card: Path) -> dict:
    _, front, _ = card.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    rng = random.Random(5)
    kept, clips = film(rng, "a film.mp4", 9, title="A film")
    gone = video_row("black.mp4", status="filtered", duration=4.0, filtered="no clip left: 1 still")
    broken = video_row("broken.mp4", status="failed", error={"stage": "Split", "type": "VideoError", "message": "m"})
    blank = {"clip_id": None, "start": None, "end": None}
    folder = write_output(
        tmp_path / "my set",
        [kept, gone, broken],
        clips,
        [{**clip_row(gone, 0, 0, 0), **blank, "filtered": gone["filtered"]}],
        [{**clip_row(broken, 0, 0, 0), **blank, "error": broken["error"]}],
    )
    write_manifest(folder)
    return folder


def test_the_folder_loads_with_all_its_splits(out: Path, tmp_path: Path) -> None:
    write_card(out)
    clips = load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert set(clips) == {"train", "filtered", "failed"}
    assert clips["train"].features == CLIP_FEATURES
    assert clips["failed"][0]["error"]["type"] == "VideoError"
    assert clips["filtered"][0]["filtered"] == "no clip left: 1 still"
    videos = load_dataset(str(out), "videos", split="train", cache_dir=str(tmp_path / "cache"))
    assert videos["status"][:] == ["kept", "filtered", "failed"]


@pytest.mark.parametrize("split", ["train", "filtered", "failed"])
def test_a_folder_loads_with_only_one_split(tmp_path: Path, split: str) -> None:
    rows = {"train": [], "filtered": [], "failed": []}
    video = video_row("a.mp4", duration=4.0)
    rows[split] = [clip_row(video, 0, 0.0, 4.0)]
    out = write_output(tmp_path / "out", [video], rows["train"], rows["filtered"], rows["failed"])
    write_card(out)
    assert {name: len(rows) for name, rows in load_dataset(str(out), cache_dir=str(tmp_path / "c")).items()} == {
        split: 1
    }


def test_the_front_matter_survives_a_round_trip_whatever_the_names(tmp_path: Path) -> None:
    video = video_row("a.mp4", duration=4.0)
    out = tmp_path / 'yes: - "it\'s" #1 [x] パンダ'
    write_output(out, [video], [clip_row(video, 0, 0.0, 4.0)])
    front = front_matter(write_card(out, license="cc-by-4.0"))
    assert front["pretty_name"] == out.name
    assert front["license"] == "cc-by-4.0"
    assert front["size_categories"] == ["n<1K"]
    assert [config["config_name"] for config in front["configs"]] == ["clips", "videos"]
    assert front["configs"][0]["default"] is True


def test_the_card_says_what_was_run(out: Path) -> None:
    text = write_card(out).read_text(encoding="utf-8")
    for said in (
        "3 videos in = 1 kept + 1 filtered + 1 failed",
        "`min_clip_seconds=2.0`",
        "`teacher=mini_image`",
        "`selector=mini/selector`",
        "`datasets 5.2.0`",
        "`my videos`",
        "2026-11-20 10:05 UTC",
        "candidate caption of the teacher `mini_text`",
        "research only",
    ):
        assert said in text


def test_every_column_of_this_project_is_explained() -> None:
    assert all(meaning(name) != "kept from the input" for name in CLIP_FEATURES)
    assert meaning("likes") == "kept from the input"


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    evil = "`a` | b <script>alert(1)</script>\n---\n# heading [x](javascript:y) ```"
    video = video_row("a.mp4", duration=4.0)
    columns = {"caption": evil, "caption_teacher": evil, "matching_score": 0.5}
    clip = clip_row(video, 0, 0.0, 4.0, **columns, candidates=[{"teacher": evil, "caption": evil, "score": 0.5}])
    video["dropped"] = [{"start": 0.0, "end": 1.0, "reason": evil}]
    out = write_output(tmp_path / "out", [video], [clip])
    write_manifest(out, source=evil, versions={evil: evil}, steps=[{"name": evil, "settings": {evil: evil}}])
    card = write_card(out)
    assert front_matter(card)["license"] == "unknown"
    body = card.read_text(encoding="utf-8").split("---\n", 2)[2]
    prose, inside = [], False
    for line in body.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            prose.append(line)
    assert not inside
    assert [line for line in prose if line.startswith("#")] == [
        "# out", "## Load it", "## What was run", "## Funnel", "## Teachers and selector", "## Columns of a clip",
        "## Licence and source", "## Limits",
    ]  # fmt: skip
    for line in prose:
        parts = line.replace(r"\`", "").split("`")
        assert len(parts) % 2 == 1, "code is closed"
        assert "<script>" not in "".join(parts[::2]), "markup outside of code"
    rows = [line for line in prose if line.startswith("|") and "alert" in line]
    assert len(rows) == 3 and {row.replace(r"\|", "").count("|") for row in rows} == {3, 4, 7}


def test_the_licence_once_given_is_kept(out: Path) -> None:
    write_card(out, license="cc-by-4.0")
    text = write_card(out).read_text(encoding="utf-8")
    assert stated_license(out) == "cc-by-4.0"
    assert "`cc-by-4.0`, as stated by whoever ran this" in text


def test_a_card_edited_by_hand_is_left_alone(out: Path) -> None:
    card = write_card(out)
    assert write_card(out) == card
    edited = card.read_text(encoding="utf-8").replace("license: unknown", "license: cc0-1.0")
    card.write_text(edited, encoding="utf-8")
    new = write_card(out)
    assert new.name == "README.new.md"
    assert card.read_text(encoding="utf-8") == edited
    assert front_matter(new)["license"] == "cc0-1.0"


@pytest.mark.parametrize(
    ("rows", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (70_000_000, "10M<n<100M")],
)
def test_the_size_category_is_the_hubs(rows: int, category: str) -> None:
    assert size_category(rows) == category
