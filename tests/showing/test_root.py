"""The folder of a server: private, gone when it ends, and when it was killed gone when the next one starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from panda_hf.showing.root import LOCK, PREFIX, Root, remove_dead

CODE = "import time; from panda_hf.showing.root import Root; root = Root(); print(root.path, flush=True); "


@contextmanager
def server(folder: Path, then: str) -> Iterator[tuple[subprocess.Popen, Path]]:
    """A process with its folder below ``folder``."""
    command = [sys.executable, "-c", CODE + then]
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()


def test_the_folder_is_private_and_gone_when_it_is_closed_or_the_process_ends(tmp_path: Path) -> None:
    root = Root()
    assert root.path.stat().st_mode & 0o077 == 0
    root.close()
    assert not root.path.exists()
    with server(tmp_path, "(root.path / 'film').write_text('a')") as (process, path):
        assert process.wait(30) == 0 and path.parent == tmp_path.resolve() and not path.exists()


def test_what_a_killed_server_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    with server(tmp_path, "time.sleep(600)") as (killed, left), server(tmp_path, "time.sleep(600)") as (_, lives):
        (left / "film.mp4").write_bytes(b"0")
        assert remove_dead(tmp_path) == [] and left.is_dir()
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert remove_dead(tmp_path.resolve()) == [left]
        assert not left.exists() and lives.is_dir()


def test_the_next_server_removes_it_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(tmp_path, "time.sleep(600)") as (killed, left):
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert left.is_dir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Root().close()
    assert not left.exists()


def test_a_link_and_a_folder_that_is_no_server_s_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / LOCK).touch()
    os.symlink(tmp_path / "other", tmp_path / f"{PREFIX}link")
    (tmp_path / f"{PREFIX}bare").mkdir()
    assert remove_dead(tmp_path) == [] and len(list(tmp_path.iterdir())) == 3
    (tmp_path / "other").rename(tmp_path / f"{PREFIX}dead")
    (tmp_path / f"{PREFIX}link").unlink()
    assert remove_dead(tmp_path) == [tmp_path / f"{PREFIX}dead"]
