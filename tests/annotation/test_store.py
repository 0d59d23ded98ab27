"""Answers are on disk when they are said to be: two at once, a crash, a restart lose nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from panda_hf.annotation.answers import Answer, annotator_name
from panda_hf.annotation.store import AnswerStore

WRITER = """
    import sys
    from panda_hf.annotation.answers import Answer
    from panda_hf.annotation.store import AnswerStore
    store = AnswerStore(sys.argv[1])
    for i in range(int(sys.argv[3])):
        clip = f"{sys.argv[2]}-{i}"
        store.add(Answer(annotator="Ada", clip_id=clip, chosen=(1,), candidates="d", shown=(0, 1, 2), mode="best"))
        print(clip, flush=True)
"""


def answer(clip: str, *chosen: int, annotator: str = "Ada", **values) -> Answer:
    given = {"candidates": "d", "shown": (2, 0, 1), "mode": "best", "at": "2026-01-01T00:00:00Z", **values}
    return Answer(annotator=annotator, clip_id=clip, chosen=chosen, **given)


def writing(folder: Path, name: str, count: int) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_answers_come_back_after_a_restart(tmp_path: Path) -> None:
    given = [answer("a", 0, seconds=3.25), answer("b"), answer("c", 0, 2, mode="good")]
    store = AnswerStore(tmp_path)
    for one in given:
        store.add(one)
    assert AnswerStore(tmp_path).all() == {"Ada": {one.clip_id: one for one in given}}


def test_a_changed_answer_is_a_later_line(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    store.add(answer("a", 0))
    before = (tmp_path / "Ada.jsonl").read_bytes()
    store.add(answer("a", 2))
    assert (tmp_path / "Ada.jsonl").read_bytes().startswith(before)
    assert AnswerStore(tmp_path).of("Ada")["a"].chosen == (2,)


def test_undo_brings_back_what_was_said_before_also_after_a_restart(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    for one in (answer("a", 0), answer("b", 1), answer("a", 2)):
        store.add(one)
    taken = AnswerStore(tmp_path).undo("Ada")
    assert taken is not None and (taken.clip_id, taken.chosen) == ("a", (2,))
    store = AnswerStore(tmp_path)
    assert {clip: one.chosen for clip, one in store.of("Ada").items()} == {"a": (0,), "b": (1,)}
    assert [store.undo("Ada").clip_id, store.undo("Ada").clip_id, store.undo("Ada")] == ["b", "a", None]
    assert len((tmp_path / "Ada.jsonl").read_text().splitlines()) == 6


def test_two_stores_on_one_folder_see_each_other(tmp_path: Path) -> None:
    one, other = AnswerStore(tmp_path), AnswerStore(tmp_path)
    one.add(answer("a", 0))
    other.add(answer("b", 0, annotator="Bo"))
    assert {name: set(said) for name, said in one.all().items()} == {"Ada": {"a"}, "Bo": {"b"}}
    assert one.all() == other.all()


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_last_line_is_repaired(tmp_path: Path, cut: int) -> None:
    store = AnswerStore(tmp_path)
    store.add(answer("a", 0))
    store.add(answer("b", 1))
    path = tmp_path / "Ada.jsonl"
    os.truncate(path, path.stat().st_size - cut)
    store = AnswerStore(tmp_path)
    # Without its end of line alone the answer is whole, and kept.
    assert set(store.of("Ada")) == ({"a", "b"} if cut == 1 else {"a"})
    store.add(answer("c", 1))
    lines = path.read_text().splitlines()
    assert [json.loads(line)["clip_id"] for line in lines] == (["a", "b", "c"] if cut == 1 else ["a", "c"])


def test_a_line_that_another_process_tore_is_repaired_by_the_next_answer(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    store.add(answer("a", 0))
    with open(tmp_path / "Ada.jsonl", "ab") as file:
        file.write(b'{"record": "ans')
    store.add(answer("b", 0))
    assert set(AnswerStore(tmp_path).of("Ada")) == {"a", "b"} == set(store.of("Ada"))


def test_a_damaged_line_in_the_middle_costs_only_itself(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    store.add(answer("a", 0))
    with open(tmp_path / "Ada.jsonl", "ab") as file:
        file.write(b'\xff\x00 not json\n[1, 2]\n{"record": "answer", "annotator": "Ada"}\n')
    store.add(answer("b", 0))
    store = AnswerStore(tmp_path)
    assert set(store.of("Ada")) == {"a", "b"} and store.damaged == 3


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [writing(tmp_path, name, 40) for name in ("one", "two")]
    said = {line for writer in writers for line in writer.communicate()[0].split()}
    assert len(said) == 80
    store = AnswerStore(tmp_path)
    assert set(store.of("Ada")) == said and store.damaged == 0


def test_threads_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.add(answer(f"c{i}", 0, annotator=f"P{i % 3}")), range(60)))
    assert sum(map(len, AnswerStore(tmp_path).all().values())) == 60 == sum(map(len, store.all().values()))


def test_a_killed_process_keeps_every_answer_that_it_acknowledged(tmp_path: Path) -> None:
    writer = writing(tmp_path, "killed", 100_000)
    assert writer.stdout is not None
    said = [writer.stdout.readline().strip() for _ in range(25)]
    writer.kill()
    said += writer.stdout.read().split("\n")[:-1]
    writer.wait()
    assert set(said) - {""} <= set(AnswerStore(tmp_path).of("Ada"))


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = AnswerStore(tmp_path)
    store.add(answer("a", 0))
    before, write = (tmp_path / "Ada.jsonl").read_bytes(), os.write

    calls: list[int] = []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:30])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        store.add(answer("b", 0))
    monkeypatch.undo()
    assert (tmp_path / "Ada.jsonl").read_bytes() == before
    assert set(store.of("Ada")) == {"a"}


@pytest.mark.parametrize("name", ["../../etc/passwd", "<b>Ada</b>", "a/b\\c", "CON", "Ünï 你好", "." * 5, "x" * 80])
def test_any_name_becomes_a_file_in_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "answers"
    AnswerStore(folder).add(answer("a", 0, annotator=annotator_name(name)))
    assert [path.parent for path in tmp_path.rglob("*.jsonl")] == [folder]
    assert list(AnswerStore(folder).all()) == [name]


def test_names_that_a_file_system_takes_for_one_stay_two_people(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    for name in ("ada", "Ada", "a:b", "a_b"):
        store.add(answer("a", 0, annotator=name))
    assert set(AnswerStore(tmp_path).all()) == {"ada", "Ada", "a:b", "a_b"}


def test_a_name_is_one_line(tmp_path: Path) -> None:
    assert annotator_name("  Ada \n\t Love\x00lace ") == "Ada Love lace"
    for bad in ("", " \n", "x" * 81, None, 3):
        with pytest.raises(ValueError, match="1 to 80 characters"):
            annotator_name(bad)


def test_answers_that_cannot_be_are_refused() -> None:
    for chosen, mode in (((0, 1), "best"), ((3,), "best"), ((1, 0), "good"), ((-1,), "good")):
        with pytest.raises(ValueError, match="chosen"):
            answer("a", *chosen, mode=mode)
