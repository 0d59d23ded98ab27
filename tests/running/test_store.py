"""A store is the same to whoever uses it, on a disk and behind an address."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import fsspec
import pytest

from panda_hf.errors import OutputError
from panda_hf.running import store as module
from panda_hf.running.store import RemoteStore, Store


@pytest.fixture(params=["disk", "address"])
def store(request: Any, tmp_path: Path) -> Store:
    return Store.of(tmp_path / "store" if request.param == "disk" else f"memory://{uuid.uuid4().hex}/store/")


def test_what_is_put_can_be_read_listed_fetched_and_removed(store: Store, tmp_path: Path) -> None:
    assert store.read("a/b.json") is None and store.names("") == [] and store.names("a") == []
    store.write("a/b.json", b"1")
    store.write("a/b.json", b"2")
    (tmp_path / "file").write_bytes(b"film")
    store.take_in(tmp_path / "file", "a/c/film.mp4")
    assert store.read("a/b.json") == b"2"
    assert store.names("") == store.names("a") == ["a/b.json", "a/c/film.mp4"]
    store.fetch("a/c/film.mp4", tmp_path / "here" / "film.mp4")
    assert (tmp_path / "here" / "film.mp4").read_bytes() == b"film"
    with pytest.raises(OutputError, match="missing"):
        store.fetch("a/none", tmp_path / "none")
    store.remove("a/c")
    store.remove("a/c")
    assert store.names("") == ["a/b.json"]


def test_a_file_that_has_its_new_name_already_may_be_renamed_again(store: Store) -> None:
    store.write("old/x", b"1")
    store.rename("old/x", "new/x")
    store.remove("old")
    store.rename("old/x", "new/x")
    store.settle({".", "new"})
    assert store.read("new/x") == b"1"
    with pytest.raises(OutputError, match="old/y"):
        store.rename("old/y", "new/y")


def test_one_folder_is_one_store_however_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Store.of("out") == Store.of(tmp_path / "out") == Store.of("./out/")
    assert Store.of("memory://x/") == Store.of("memory://x")


def test_a_store_is_asked_again_but_not_for_what_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    memory, left = fsspec.filesystem("memory"), [3]
    pipe = type(memory).pipe_file

    def stumbling(self: Any, *args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise TimeoutError("no answer")
        return pipe(self, *args, **options)

    monkeypatch.setattr(type(memory), "pipe_file", stumbling)
    store = RemoteStore(f"memory://{uuid.uuid4().hex}")
    store.write("x", b"1")
    assert waits == [0.5, 1.0, 2.0] and store.read("x") == b"1"

    def refused(*args: Any, **options: Any) -> Any:
        raise PermissionError("not yours")

    monkeypatch.setattr(type(memory), "pipe_file", refused)
    with pytest.raises(OutputError, match="not yours; check name and access"):
        store.write("x", b"1")
    with pytest.raises(OutputError, match="nosuchkind"):
        Store.of("nosuchkind://bucket/x").write("x", b"1")
    assert len(waits) == 3
