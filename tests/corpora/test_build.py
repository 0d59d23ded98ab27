from __future__ import annotations

from pathlib import Path

import pytest
from datasets import load_dataset

from panda_hf.corpora import CORPUS_ROW, Entry, Expected, ids_digest, read_id_list, write_corpus
from panda_hf.corpora.card import About, render_card
from panda_hf.errors import OutputError, SourceError

ABOUT = About(
    title="Made up", what="Two videos.", configs={"full": "all", "half": "one"}, source="a test", license="cc0-1.0",
    terms="none", citation="@misc{x}",
)  # fmt: skip
ENTRIES = [
    Entry(video_id="b", captions=("a dog runs", "a dog's run"), url="https://example.org/b", start=1.5, end=3.0),
    Entry(video_id="a", captions=("ein Hund läuft",), category="animals"),
]


def written(out: Path, **options):
    configs = {"full": {"train": ENTRIES[:1], "test": ENTRIES}, "half": {"test": ENTRIES[1:], "train": []}}
    return write_corpus(configs, out, card=lambda done: render_card(ABOUT, done), **options)


def test_what_is_written_loads_with_all_values(tmp_path: Path) -> None:
    written(tmp_path / "corpus")
    loaded = load_dataset(str(tmp_path / "corpus"), "full", cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "test"}
    assert loaded["test"].features == CORPUS_ROW
    assert loaded["test"].to_list() == [
        {"video_id": "b", "video": None, "captions": ["a dog runs", "a dog's run"], "url": "https://example.org/b",
         "start": 1.5, "end": 3.0, "category": None},
        {"video_id": "a", "video": None, "captions": ["ein Hund läuft"], "url": None, "start": None, "end": None,
         "category": "animals"},
    ]  # fmt: skip
    assert load_dataset(str(tmp_path / "corpus"), "half", split="test", streaming=True).take(1)


def test_a_video_is_found_by_its_id_and_a_missing_one_is_counted(tmp_path: Path) -> None:
    (tmp_path / "films" / "more").mkdir(parents=True)
    (tmp_path / "films" / "more" / "b.mkv").write_bytes(b"x")
    summary = written(tmp_path / "corpus", videos=tmp_path / "films")
    assert (summary.splits["full"]["test"].videos, summary.splits["full"]["test"].without_file) == (2, 1)
    row = load_dataset(str(tmp_path / "corpus"), "full", split="train", cache_dir=str(tmp_path / "cache"))[0]
    assert row["video"] == {"path": str(tmp_path / "films" / "more" / "b.mkv"), "bytes": None}


def test_a_corpus_of_the_same_size_with_other_files_is_loaded_anew(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "films").mkdir(parents=True)
        (tmp_path / place / "films" / "b.mp4").write_bytes(b"x")
        written(tmp_path / place / "corpus", videos=tmp_path / place / "films")
        rows = load_dataset(str(tmp_path / place / "corpus"), "full", split="train", cache_dir=str(tmp_path / "cache"))
        assert rows[0]["video"]["path"] == str(tmp_path / place / "films" / "b.mp4")


def test_blank_captions_are_refused_or_noted(tmp_path: Path) -> None:
    configs = {"full": {"test": [Entry(video_id="c", captions=("a cat", " "))]}}
    with pytest.raises(SourceError, match="1 blank captions, such as one of 'c'"):
        write_corpus(configs, tmp_path / "corpus", card=lambda done: "")
    summary = write_corpus(configs, tmp_path / "corpus", card=lambda done: "", strict=False)
    assert summary.notes == ["full/test: 1 blank captions, such as one of 'c'"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "b.mp4").write_bytes(b"x")
    with pytest.raises(SourceError, match="two videos are called b.mp4"):
        written(tmp_path / "corpus", videos=tmp_path)


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (Expected(videos=3), "2 videos, expected 3"),
        (Expected(videos=2, digest=ids_digest(["a", "c"])), "other video ids"),
        (Expected(videos=2, captions=4), "3 captions, expected 4"),
        (Expected(videos=2, captions=3, each=2), "1 videos have not 2 captions, such as 'a' with 1"),
    ],
)
def test_another_split_than_expected_is_refused_or_noted(tmp_path: Path, expected: Expected, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        written(tmp_path / "corpus", expected={("full", "test"): expected})
    assert not (tmp_path / "corpus").exists()
    summary = written(tmp_path / "corpus", expected={("full", "test"): expected}, strict=False)
    assert summary.notes == [f"full/test: {note}" for note in summary.splits["full"]["test"].notes]
    assert said in summary.notes[0]
    assert "Not as papers report on it" in (tmp_path / "corpus" / "README.md").read_text()


def test_the_expected_split_raises_nothing_whatever_its_order(tmp_path: Path) -> None:
    expected = Expected(videos=2, digest=ids_digest(["a", "b"]), captions=3)
    assert written(tmp_path / "corpus", expected={("full", "test"): expected}).notes == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [([ENTRIES[0], ENTRIES[0]], "'b' is there twice"), ([Entry(video_id="c", captions=(" ",))], "no caption.*'c'")],
)
def test_damaged_entries_are_refused(tmp_path: Path, entries: list[Entry], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        write_corpus({"full": {"test": entries}}, tmp_path / "corpus", card=lambda done: "")


def test_a_folder_that_is_there_is_replaced_only_when_asked_and_only_when_it_was_built(tmp_path: Path) -> None:
    written(tmp_path / "corpus")
    with pytest.raises(OutputError, match="--overwrite"):
        written(tmp_path / "corpus")
    written(tmp_path / "corpus", overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="not a built dataset"):
        written(tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_id_lists_are_text_or_tables(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("x\n\n y \n")
    (tmp_path / "ids.csv").write_text("key,video_id\n1,x\n2,y\n")
    assert read_id_list(tmp_path / "ids.txt") == read_id_list(tmp_path / "ids.csv") == ["x", "y"]
    (tmp_path / "twice.txt").write_text("x\ny\nx\n")
    (tmp_path / "other.csv").write_text("id\nx\n")
    for name, said in (("twice.txt", "names twice"), ("other.csv", "no column video_id"), ("gone.txt", "gone.txt")):
        with pytest.raises(SourceError, match=said):
            read_id_list(tmp_path / name)
