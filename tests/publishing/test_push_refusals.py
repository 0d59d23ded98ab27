"""What a push refuses, and what it says before it does anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publishing.hub_client import REPO, in_process, pushed, refused, small
from tests.publishing.hub_server import READER, STRANGER, Hub, Repo


def test_a_hub_that_cannot_be_reached_is_told_once_and_soon(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out", shards=1)
    code = f"from panda_hf.cli import main; import sys; sys.argv[1:] = ['push', {str(out)!r}, {REPO!r}]; main()"
    environment = {**os.environ, **hub.environment(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    said = done.stderr.splitlines()
    assert done.returncode == 1
    assert "http://127.0.0.1:9 cannot be reached: is this machine online?" in said[-1]
    assert sum("trying again" in line for line in said) == 1 and len(said) == 2


def test_private_is_refused_where_the_repository_is_public(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out", shards=1)
    hub.repos[REPO] = Repo(private=False)
    for options in ("private=True", "private=True, dry_run=True"):
        assert "is there already, and public" in refused(hub, tmp_path, out, options)
    assert hub.repos[REPO].files == {} and hub.uploaded == []
    hub.repos[REPO].private = True
    assert "is there already, and private" in refused(hub, tmp_path, out, "private=False")


def test_private_does_not_let_an_unlicensed_folder_into_a_public_repository(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out", shards=1)
    (out / "README.md").write_text((out / "README.md").read_text().replace("license: cc0-1.0\n", ""))
    hub.repos[REPO] = Repo(private=False)
    refused(hub, tmp_path, out, "private=True")
    assert "licence" in refused(hub, tmp_path, out, "private=None")
    assert hub.repos[REPO].files == {}


@pytest.mark.parametrize("name", ["justname", "a/b/c", "user/", "user/na me"])
def test_a_name_that_is_none_is_refused_before_anything_is_asked(hub: Hub, tmp_path: Path, name: str) -> None:
    out = small(tmp_path / "out", shards=1)
    code = f"from panda_hf.publishing.hub import push; push({str(out)!r}, {name!r}, private=True)"
    done = in_process(hub, tmp_path, code)
    assert "HubError" in done.stderr and "user/name" in done.stderr.lower()
    assert not hub.asked and not hub.repos


def test_a_dry_run_lists_the_files_and_changes_nothing(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out", shards=2)
    code = f"from panda_hf.cli import app; app(['push', {str(out)!r}, {REPO!r}, '--dry-run'])"
    said = in_process(hub, tmp_path, code).stdout.splitlines()
    size = (out / "data/train-0.parquet").stat().st_size
    assert f"upload data/train-0.parquet ({size:,} bytes)" in said
    assert sum(line.startswith("upload ") for line in said) == 4  # two shards, card, provenance
    assert hub.repos == {}
    pushed(hub, tmp_path, out)
    (out / "data/train-1.parquet").unlink()
    said = in_process(hub, tmp_path, code).stdout.splitlines()
    assert "delete data/train-1.parquet" in said and "data/train-1.parquet" in hub.repos[REPO].files


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("hf_wrong", "the token was refused (401)"),
        (None, "401"),
        (READER, "may not write there (403)"),
        (STRANGER, "403"),
    ],
)
def test_a_token_that_may_not_is_told_so(hub: Hub, tmp_path: Path, token: str | None, said: str) -> None:
    message = refused(hub, tmp_path, small(tmp_path / "out", shards=1), token=token)
    assert said in message
    assert not token or token not in message
    assert REPO not in hub.repos


def test_without_a_licence_nothing_becomes_public(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out", shards=1)
    (out / "README.md").write_text((out / "README.md").read_text().replace("license: cc0-1.0\n", ""))
    assert "licence" in refused(hub, tmp_path, out, "private=None")
    assert REPO not in hub.repos
    pushed(hub, tmp_path, out, "private=True")
    pushed(hub, tmp_path, out, "private=None")  # it stays private


def test_a_folder_that_is_no_dataset_is_refused(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert "has no card" in refused(hub, tmp_path, tmp_path / "out")
    (tmp_path / "out" / "README.md").write_text("# Nothing\n")
    assert "no Parquet file" in refused(hub, tmp_path, tmp_path / "out")
