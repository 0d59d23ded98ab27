from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset

from panda_hf.errors import CheckpointError, MissingColumnError
from panda_hf.rights import Redact
from panda_hf.rights.redact import whole_names
from panda_hf.stage import apply
from tests.rights.names_model import write_names_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_names_model(tmp_path_factory.mktemp("names")))


@pytest.mark.parametrize(
    ("text", "expected", "count"),
    [
        ("Anna talks to Peter", "person talks to person", 2),
        ("the man with John Kennedy on stage", "the man with person on stage", 1),
        ("John F. Kennedy talks", "person talks", 1),
        ("Mr. Smith is in Paris", "person is in Paris", 1),
        ("Marie's hat and Wei’s hat", "person's hat and person’s hat", 2),
        ("Müller.", "person.", 1),
        ("a Rose in Paris will mark the man", "a Rose in Paris will mark the man", 0),
        ("", "", 0),
    ],
)
def test_names_become_person_and_nothing_else_changes(model: str, text: str, expected: str, count: int) -> None:
    row = apply(Dataset.from_list([{"caption": text}]), Redact(model=model))[0]
    assert (row["caption"], row["redactions"], row["error"]) == (expected, count, None)


def test_every_column_of_text_is_gone_over_and_others_are_left(model: str) -> None:
    row = {
        "caption": None,
        "title": "Anna in Paris",
        "candidates": [{"teacher": "Anna", "caption": "Peter talks", "score": 0.5}],
        "video_id": "Anna",
    }
    stage = Redact(columns=("caption", "title", "candidates"), model=model)
    new = apply(Dataset.from_list([row]), stage)[0]
    assert new["title"] == "person in Paris"
    assert new["candidates"] == [{"teacher": "Anna", "caption": "person talks", "score": 0.5, "head_score": None}]
    assert (new["caption"], new["video_id"], new["redactions"]) == (None, "Anna", 2)


def test_a_column_that_is_not_there_is_named_before_any_work(model: str) -> None:
    with pytest.raises(MissingColumnError, match="captoin"):
        apply(Dataset.from_list([{"caption": "x"}]), Redact(columns=("captoin",), model=model))


def test_a_model_that_cannot_be_had_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="hf download"):
        apply(Dataset.from_list([{"caption": "x"}]), Redact(model=str(tmp_path / "nothing")))


def test_without_a_network_a_model_that_was_fetched_before_works_and_another_fails_at_once(
    model: str, tmp_path: Path
) -> None:
    cached = tmp_path / "hub" / "models--tiny--names"
    shutil.copytree(model, cached / "snapshots" / "abc")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc")
    code = (
        "import time; from panda_hf.rights.redact import find_names\n"
        "print(find_names(['Anna talks'], 'tiny/names', None, 'cpu'))\n"
        "began = time.monotonic()\n"
        "try: find_names(['Anna talks'], 'tiny/other', None, 'cpu')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "print(time.monotonic() - began)"
    )
    closed = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **closed}, capture_output=True, text=True)
    spans, error, seconds = done.stdout.splitlines()
    assert spans == "[[(0, 4)]]", "Anna"
    assert error.startswith("CheckpointError") and "hf download" in error
    assert float(seconds) < 60 and "Retrying" not in done.stderr


def test_a_model_without_persons_is_refused() -> None:
    with pytest.raises(CheckpointError, match="cannot be loaded|no label for persons"):
        apply(Dataset.from_list([{"caption": "x"}]), Redact(model="mini/text"))


@pytest.mark.parametrize(
    ("text", "pieces", "names"),
    [
        ("Schwarzenegger runs", ["warz"], ["Schwarzenegger"]),
        ("Jean-Luc waves", ["Jean", "Luc"], ["Jean-Luc"]),
        ("Ann, Bo", ["Ann", "Bo"], ["Ann", "Bo"]),
        ("Dr O'Neil's car", ["O", "Neil"], ["Dr O'Neil"]),
        ("李 waves", ["李"], ["李"]),
    ],
)
def test_pieces_grow_to_whole_names(text: str, pieces: list[str], names: list[str]) -> None:
    spans = [(text.index(piece), text.index(piece) + len(piece)) for piece in pieces]
    assert [text[start:end] for start, end in whole_names(text, spans)] == names
