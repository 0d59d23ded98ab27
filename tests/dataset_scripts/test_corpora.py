"""The benchmark corpora: made annotations of the official form, and the real ones where they are at hand."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from datasets import load_dataset
from typer.testing import CliRunner

from panda_hf.cli import app


def build(*words: str | Path):
    return CliRunner().invoke(app, ["build", *map(str, words)])


def built(*words: str | Path) -> None:
    result = build(*words)
    assert result.exit_code == 0, result.output


def loaded(folder: Path, config: str, split: str):
    return load_dataset(str(folder), config, split=split, cache_dir=str(folder.parent / "cache"))


@pytest.fixture
def msrvtt(tmp_path: Path, annotations: Path) -> Path:
    """The official files in a folder of the test's own."""
    for path in annotations.iterdir():
        (tmp_path / path.name).hardlink_to(path)
    return tmp_path


@pytest.fixture(scope="module")
def annotations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 10,000 videos with twenty sentences each, in the two official files."""
    folder = tmp_path_factory.mktemp("msrvtt")

    def video(n: int, split: str):
        return {"video_id": f"video{n}", "split": split, "category": n % 20, "url": f"https://example.org/{n}",
                "start time": n / 2, "end time": n / 2 + 10, "id": n}  # fmt: skip

    def write(name: str, numbers: range) -> None:
        splits = ["train" if n < 6513 else "validate" if n < 7010 else "test" for n in numbers]
        sentences = [
            {"caption": f"sentence {i} of {n}", "video_id": f"video{n}", "sen_id": 20 * n + i}
            for n in numbers
            for i in range(20)
        ]
        videos = [video(n, split) for n, split in zip(numbers, splits, strict=True)]
        (folder / name).write_text(json.dumps({"info": {}, "videos": videos, "sentences": sentences}))

    write("train_val_videodatainfo.json", range(7010))
    write("test_videodatainfo.json", range(7010, 10000))
    return folder


def test_msrvtt_has_its_official_splits(msrvtt: Path) -> None:
    files = [msrvtt / "train_val_videodatainfo.json", msrvtt / "test_videodatainfo.json"]
    built("msrvtt", *files, "--out", msrvtt / "out")
    sizes = {split: len(loaded(msrvtt / "out", "full", split)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 6513, "validation": 497, "test": 2990}
    row, said = loaded(msrvtt / "out", "full", "test")[0], [f"sentence {i} of 7010" for i in range(20)]
    assert row == {"video_id": "video7010", "video": None, "captions": said, "category": "how-to",
                   "url": "https://example.org/7010", "start": 3505.0, "end": 3515.0}  # fmt: skip


def test_msrvtt_retrieval_splits_are_everyones(msrvtt: Path, shared: Path) -> None:
    pairs = shared / "data/splits/msrvtt/MSRVTT_JSFUSION_test.csv"
    files = [msrvtt / "train_val_videodatainfo.json", msrvtt / "test_videodatainfo.json"]
    built("msrvtt", *files, "--jsfusion", pairs, "--out", msrvtt / "out")
    for config, split, name in (
        ("1k-a", "train", "train_list_jsfusion.txt"),
        ("1k-a", "test", "val_list_jsfusion.txt"),
        ("1k-a-7k", "test", "val_list_jsfusion.txt"),
        ("full", "train", "train_list_full.txt"),
        ("full", "test", "test_list_full.txt"),
    ):
        wanted = set((shared / "data/splits/msrvtt" / name).read_text().split())
        assert set(loaded(msrvtt / "out", config, split)["video_id"]) == wanted, (config, split)
    assert len(loaded(msrvtt / "out", "1k-a-7k", "train")) == 7010
    assert loaded(msrvtt / "out", "1k-a", "test")[0]["captions"] == ["a person is connecting something to system"]


def test_an_incomplete_msrvtt_is_refused_by_name(msrvtt: Path) -> None:
    held = json.loads((msrvtt / "test_videodatainfo.json").read_text())
    (msrvtt / "short.json").write_text(
        json.dumps({**held, "videos": held["videos"][:-1], "sentences": held["sentences"][:-20]})
    )
    result = build("msrvtt", msrvtt / "short.json", "--out", msrvtt / "out")
    assert result.exit_code == 1
    assert "2,989 videos, expected 2,990" in " ".join(result.output.split())
    built("msrvtt", msrvtt / "short.json", "--out", msrvtt / "out", "--no-strict")


def test_an_msrvtt_with_other_references_than_twenty_a_video_is_refused(msrvtt: Path) -> None:
    held = json.loads((msrvtt / "test_videodatainfo.json").read_text())
    sentences = held["sentences"]
    blank = [{**sentences[0], "caption": " "}, *sentences[1:]]
    moved = [{**sentences[0], "video_id": "video9999"}, *sentences[1:]]
    for name, wrong, said in (
        ("five", [one for one in sentences if one["sen_id"] % 20 < 5], "14,950 captions, expected 59,800"),
        ("blank", blank, "1 blank captions, such as one of 'video7010'"),
        ("moved", moved, "2 videos have not 20 captions, such as 'video7010' with 19"),
    ):
        (msrvtt / f"{name}.json").write_text(json.dumps({**held, "sentences": wrong}))
        result = build("msrvtt", msrvtt / f"{name}.json", "--out", msrvtt / name)
        assert result.exit_code == 1 and not (msrvtt / name).exists()
        assert said in " ".join(result.output.split())


def test_a_sentence_of_an_unknown_video_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(json.dumps({"videos": [], "sentences": [{"video_id": "v9", "caption": "x"}]}))
    result = build("msrvtt", tmp_path / "odd.json", "--out", tmp_path / "out")
    assert result.exit_code == 1 and "v9" in result.output and not (tmp_path / "out").exists()


def test_the_published_test_annotations_hold_every_reference(tmp_path: Path, shared: Path) -> None:
    captions = shared / "data/captions"
    for name, file, videos, references in (
        ("msrvtt", "msrvtt_caption_test.json", 2990, 59800),
        ("msvd", "msvd_caption_test.json", 670, 27763),
    ):
        built(name, captions / file, "--out", tmp_path / name)
        rows = loaded(tmp_path / name, "full" if name == "msrvtt" else "captions", "test")
        held = {Path(item["video"]).stem: item["caption"] for item in json.loads((captions / file).read_text())}
        assert {row["video_id"]: row["captions"] for row in rows} == held
        assert (len(rows), sum(map(len, rows["captions"]))) == (videos, references)


def test_msvd_takes_the_official_table_and_the_list_of_descriptions(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "train_list.txt").write_text("vid_1_5\n")
    (tmp_path / "lists" / "test_list.txt").write_text("-x_0_9\n")
    (tmp_path / "video_corpus.csv").write_text(
        "VideoID,Start,End,WorkerID,Source,AnnotationTime,Language,Description\n"
        'vid,1,5,1,clean,1,English,"a man, a dog"\nvid,1,5,1,clean,1,German,ein Mann\nvid,1,5,1,clean,1,English,\n'
        "-x,0,9,1,unverified,1,English,a cat sits\n"
    )
    (tmp_path / "all.txt").write_text("# comment\nvid_1_5 a man, a dog\n-x_0_9 a cat sits\n")
    for number, file in enumerate(("video_corpus.csv", "all.txt")):
        out = tmp_path / f"out{number}"
        built("msvd", tmp_path / file, "--splits", tmp_path / "lists", "--out", out, "--no-strict")
        assert loaded(out, "captions", "train")[0]["captions"] == ["a man, a dog"]
        assert loaded(out, "captions", "test")[0]["video_id"] == "-x_0_9"
    (tmp_path / "lists" / "test_list.txt").write_text("unknown_0_9\n")
    result = build("msvd", tmp_path / "all.txt", "--splits", tmp_path / "lists", "--out", tmp_path / "no")
    assert result.exit_code == 1 and "unknown_0_9" in result.output


def test_didemo_paragraphs_join_all_sentences_of_a_video(tmp_path: Path, shared: Path) -> None:
    splits = shared / "data/splits/didemo"
    built("didemo", splits / "test_data.json", splits / "val_data.json", "--splits", splits, "--out", tmp_path / "out")
    rows = {row["video_id"]: row["captions"] for row in loaded(tmp_path / "out", "paragraph", "test")}
    assert set(rows) == set((splits / "test_list.txt").read_text().split())
    video = next(iter(rows))
    said = [
        item["description"].strip()
        for item in json.loads((splits / "test_data.json").read_text())
        if item["video"] == video
    ]
    assert rows[video] == [" ".join(said)]
    assert len(loaded(tmp_path / "out", "paragraph-all", "validation")) == 1094


@pytest.mark.parametrize(("name", "config"), [("didemo", "paragraph"), ("msvd", "captions")])
def test_the_command_of_the_documentation_builds_what_papers_report_on(
    name: str, config: str, tmp_path: Path, shared: Path
) -> None:
    lines = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"panda-hf build {name} "))
    command = shlex.split(line)[3:]
    lists = shared / "data/splits" / name
    annotations = lists / "test_data.json"
    if name == "msvd":
        annotations = tmp_path / "all.txt"
        ids = [video_id for path in lists.glob("*_list.txt") for video_id in path.read_text().split()]
        annotations.write_text("".join(f"{video_id} a cat sits\n" for video_id in ids))
    places = {command[0]: annotations, "LISTS": lists, name: tmp_path / "out"}
    words = [places.get(word, word) for word in command if word not in ("--videos", "VIDEOS")]
    built(name, *words, *(["--no-strict"] if name == "msvd" else []))
    listed = (lists / "test_list.txt").read_text().split()
    assert set(loaded(tmp_path / "out", config, "test")["video_id"]) == set(listed)


def test_didemo_without_lists_says_what_they_are_for(tmp_path: Path) -> None:
    item = {"video": "v.mp4", "description": "a cat sits"}
    (tmp_path / "test_data.json").write_text(json.dumps([item]))
    result = build("didemo", tmp_path / "test_data.json", "--out", tmp_path / "out", "--no-strict")
    assert result.exit_code == 0 and "`paragraph`, the videos of the lists: give --splits FOLDER" in result.output


def test_vatex_knows_source_and_times_from_the_id(tmp_path: Path) -> None:
    item = {"videoID": "Ptf_2VRj-V0_000122_000132", "enCap": ["a man swims"] * 10, "chCap": ["男人游泳"] * 10}
    (tmp_path / "vatex_validation_v1.0.json").write_text(json.dumps([item]))
    built("vatex", tmp_path / "vatex_validation_v1.0.json", "--out", tmp_path / "out", "--no-strict")
    row = loaded(tmp_path / "out", "zh", "validation")[0]
    assert (row["url"], row["start"], row["end"]) == ("https://www.youtube.com/watch?v=Ptf_2VRj-V0", 122.0, 132.0)
    assert row["captions"] == ["男人游泳"] * 10
    result = build("vatex", tmp_path / "vatex_validation_v1.0.json", "--out", tmp_path / "strict")
    assert result.exit_code == 1 and "expected 3,000" in " ".join(result.output.split())
