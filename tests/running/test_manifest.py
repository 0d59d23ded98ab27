"""The manifest: append-only, whole after any crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.errors import OutputError
from panda_hf.running.manifest import Manifest, differences, head_record

SHARD = {"record": "shard", "shard": 0, "files": {"videos/000000.parquet": {}}, "thumbnails": ["t"], "media": []}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    made = Manifest.create(tmp_path / "manifest.jsonl", head_record([], {"a": 1}, "films", 2, "abc"))
    made.append(SHARD)
    return made


def test_what_was_appended_is_read_again(manifest: Manifest) -> None:
    again = Manifest.load(manifest.path)
    assert again.head == manifest.head and again.shards == {0: SHARD}
    assert again.files() == {"videos/000000.parquet", "t"}
    assert not again.ended
    again.append({"record": "end"})
    assert Manifest.load(manifest.path).ended


@pytest.mark.parametrize("torn", [b'{"record": "sha', b"{", b"\x00" * 30, b'{"record": "shard"}', b"\x00\x00\n"])
def test_a_torn_last_line_is_cut_off(manifest: Manifest, torn: bytes) -> None:
    whole = manifest.path.read_bytes()
    manifest.path.write_bytes(whole + torn)
    assert Manifest.load(manifest.path).shards == {0: SHARD}
    assert manifest.path.read_bytes() == whole


def test_damage_in_the_middle_is_an_error(manifest: Manifest) -> None:
    lines = manifest.path.read_bytes().splitlines(keepends=True)
    manifest.path.write_bytes(lines[0] + b"%%%\n" + lines[1])
    with pytest.raises(OutputError, match="line 2"):
        Manifest.load(manifest.path)


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b'{"made_by": "someone"}\n', b'{"made_by": "panda_hf", "format": 99}\n']
)
def test_another_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.jsonl").write_bytes(content)
    with pytest.raises(OutputError):
        Manifest.load(tmp_path / "manifest.jsonl")


def test_differences_are_named() -> None:
    def step(**settings: int) -> dict:
        return {"name": "Split", "settings": settings}

    old = head_record([step(version=1, x=2)], {"limit": None}, "films", 3, "abc")
    assert differences(old, head_record([step(version=1, x=2)], {"limit": None}, "elsewhere", 3, "abc")) == []
    new = head_record([step(version=2, x=2)], {"limit": 5}, "films", 4, "abd")
    assert differences(old, new) == [
        "limit was None, now 5",
        "Split.version was 1, now 2",
        "the input is another one (3 videos then, 4 now; source was films, now films)",
    ]
