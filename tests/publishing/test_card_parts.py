"""Parts of a card are edited, and every other byte stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from datasets import load_dataset

from panda_hf.errors import OutputError
from panda_hf.publishing import write_card
from panda_hf.publishing.card_parts import (
    config_names,
    edited,
    front_matter,
    read_text,
    seal,
    update_card,
    with_config,
    with_section,
    without_config,
)
from tests.publishing.synthetic import clip_row, video_row, write_output

CONFIG = {"config_name": "new", "data_files": [{"split": "train", "path": "subsets/new/*.parquet"}]}

CARD = """\
---
# a remark
license: other   # another
configs:
- config_name: full
  default: true
  data_files: full/*.parquet   # all of it
- config_name: small
  description: |
    two
    lines
# what follows
tags: [ a,  "b" ]
title: 'it''s'
---
# Title

---
configs: not these
"""


def test_a_configuration_is_added_after_the_others_and_nothing_else_changes() -> None:
    new = with_config(CARD, CONFIG)
    start = CARD.index("# what follows")
    added = "- config_name: new\n  data_files:\n  - split: train\n    path: subsets/new/*.parquet\n"
    assert new == CARD[:start] + added + CARD[start:]
    assert front_matter(new)["configs"][-1] == CONFIG


@pytest.mark.parametrize("name", ["full", "small"])
def test_a_configuration_of_the_same_name_is_replaced_in_its_place(name: str) -> None:
    config = {**CONFIG, "config_name": name}
    new = with_config(CARD, config)
    others = {line for line in CARD.splitlines() if "small" in line or "remark" in line or "what follows" in line}
    assert config_names(new) == ["full", "small"]
    assert next(c for c in front_matter(new)["configs"] if c["config_name"] == name) == config
    assert others - {"- config_name: small"} <= set(new.splitlines())
    assert new.endswith(CARD[CARD.index("tags:") :])
    assert with_config(new, config) == new


@pytest.mark.parametrize(
    "front",
    [
        "license: mit\n",
        "configs: []\nlicense: mit\n",
        "configs:\nlicense: mit\n",
        "license: mit\nconfigs: [{config_name: full, data_files: 'a#b.parquet'}]\n",
        "license: mit\nconfigs:\n    - config_name: full\n      data_files: a.parquet\n",
        "license: mit\nconfigs:\n  -\n    config_name: full\n    data_files: a.parquet",
        "x: &a {config_name: full}\nlicense: mit\nconfigs:\n- *a\n",
        "configs:\n- config_name: full\n  data_files: a.parquet\n\n\n# end\nlicense: mit\n",
        "license: mit\nconfigs:\n- config_name: full\n  description: >-\n    folded\n    text\n\n",
        "configs:\n- 'a string'\n- config_name: full\nlicense: mit\n",
        'license: mit\nconfigs:\n- config_name: パンダ\n  description: "é\\n: - x"\n',
    ],
)
def test_configurations_are_added_however_the_list_is_noted(front: str) -> None:
    old = f"---\n{front}{'' if front.endswith(chr(10)) else chr(10)}---\nbody\n"
    new = with_config(old, CONFIG)
    assert (
        front_matter(new) == {**front_matter(old), "configs": [*(front_matter(old)["configs"] or []), CONFIG]}
        if ("configs" in front_matter(old))
        else {**front_matter(old), "configs": [CONFIG]}
    )
    assert new.endswith("---\nbody\n") and "license: mit\n" in new
    assert with_config(new, CONFIG) == new


@pytest.mark.parametrize("name", ["full", "small"])
def test_a_configuration_is_taken_out_and_nothing_else_changes(name: str) -> None:
    lines = CARD.splitlines(keepends=True)
    start, end = (4, 7) if name == "full" else (7, 11)
    assert without_config(CARD, name) == "".join(lines[:start] + lines[end:])
    assert without_config(CARD, "other") == CARD
    windows = CARD.replace("\n", "\r\n")
    assert without_config(windows, name) == without_config(CARD, name).replace("\n", "\r\n")


@pytest.mark.parametrize(
    "front", ["configs: [{config_name: new, x: 1}, {config_name: b}]", "configs:\n- config_name: new"]
)
def test_configurations_are_taken_out_however_the_list_is_noted(front: str) -> None:
    new = without_config(f"---\n{front}\nlicense: mit\n---\nWords.\n", "new")
    assert "new" not in config_names(new) and len(config_names(new)) == front.count("config_name") - 1
    assert front_matter(new)["license"] == "mit" and new.endswith("---\nWords.\n")
    assert without_config("no front matter", "new") == "no front matter"
    assert config_names(without_config("---\nconfigs:\n- config_name: 7\n- config_name: a\n---\n", "7")) == ["a"]


@pytest.mark.parametrize("text", ["# Title\n", "", "words --- here\n\n---\na: 1\n---\n"])
def test_a_card_without_front_matter_gets_one(text: str) -> None:
    new = with_config(text, CONFIG)
    assert front_matter(new) == {"configs": [CONFIG]}
    assert new.endswith(f"---\n\n{text}")


def test_line_ends_stay_as_they_are() -> None:
    old = CARD.replace("\n", "\r\n")
    new = with_section(with_config(old, CONFIG), "part", "One\n\nTwo")
    assert "\n" not in new.replace("\r\n", "")
    assert config_names(new) == ["full", "small", "new"]


def test_a_section_is_added_replaced_and_taken_away() -> None:
    one = with_section(CARD, "part", "## One\n")
    assert one == CARD + "\n<!-- panda_hf: part -->\n## One\n<!-- end of panda_hf: part -->\n"
    more = with_section(one + "\nThe end.\n", "other", r"\1 stays")
    two = with_section(more, "part", "## Two")
    assert two == more.replace("## One", "## Two") and r"\1 stays" in two
    assert with_section(one, "part", "") == CARD
    assert with_section(CARD, "part", "") == CARD


def test_a_section_cannot_be_ended_from_inside() -> None:
    evil = "`<!-- end of panda_hf: part -->` # mine"
    once = with_section(CARD, "part", evil)
    assert with_section(once, "part", "calm") == with_section(CARD, "part", "calm")


def test_a_card_is_written_on_disk_and_made_where_there_is_none(tmp_path: Path) -> None:
    path = update_card(tmp_path, [CONFIG], {"part": "Words."})
    text = read_text(path)
    assert front_matter(text) == {"configs": [CONFIG]} and "\nWords.\n" in text
    before = path.stat()
    update_card(tmp_path, [CONFIG], {"part": "Words."})
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert [p.name for p in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    "front", ["a: [", "- just\n- a list", "configs: many", "a: !!python/object/apply:os.getcwd []", "configs: {a: 1}"]
)
def test_front_matter_that_cannot_be_read_is_an_error_and_stays(tmp_path: Path, front: str) -> None:
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\nbody\n")
    with pytest.raises(OutputError, match="README.md cannot be edited.*Mend it by hand"):
        update_card(tmp_path, [CONFIG], {})
    assert (tmp_path / "README.md").read_text() == f"---\n{front}\n---\nbody\n"


def test_a_card_that_is_not_utf8_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"---\na: 1\n---\n\xff\xfe")
    with pytest.raises(OutputError, match="cannot be edited"):
        update_card(tmp_path, [CONFIG], {})
    assert (tmp_path / "README.md").read_bytes() == b"---\na: 1\n---\n\xff\xfe"


def test_a_card_that_cannot_be_written_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    (tmp_path / f".README.md.{os.getpid()}").mkdir()
    with pytest.raises(OutputError, match="README.md cannot be written"):
        update_card(tmp_path, [CONFIG], {})
    assert (tmp_path / "README.md").read_text() == CARD


def test_our_own_edit_does_not_count_as_one_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(CARD + seal(CARD), encoding="utf-8")
    assert not edited(path)
    update_card(tmp_path, [CONFIG], {"part": "Words."})
    assert not edited(path)
    path.write_text(read_text(path).replace("Title", "My title"), encoding="utf-8")
    assert edited(path)
    update_card(tmp_path, [{**CONFIG, "config_name": "other"}], {})
    assert edited(path) and "My title" in read_text(path)


def subset_record(name: str) -> dict:
    return {
        "made_by": "panda_hf", "version": "0", "name": name,
        "rule": {"seed": 0}, "rule_in_words": ["with “<script>|”"],
        "source": {"config": "clips", "split": "train"}, "made": "2026-11-21T10:00:00Z",
        "clips": {"in": 2, "kept": 1, "dropped": {"too short": 1}}, "videos": {"in": 1, "kept": 1},
        "seconds": {"kept": 4.0},
    }  # fmt: skip


def test_a_card_rendered_anew_keeps_the_curated_splits(tmp_path: Path) -> None:
    video = video_row("a.mp4", duration=4.0)
    out = write_output(tmp_path / "out", [video], [clip_row(video, 0, 0.0, 2.0), clip_row(video, 1, 2.0, 4.0)])
    write_card(out)
    place = out / "subsets" / "mine"
    place.mkdir(parents=True)
    (place / "train-00000-of-00001.parquet").write_bytes((out / "clips" / "train" / "00000.parquet").read_bytes())
    (place / "subset.json").write_text(json.dumps(subset_record("mine")))
    text = read_text(write_card(out))
    assert config_names(text) == ["clips", "videos", "mine"]
    assert "1 of 2" in text and "too short 1" in text and "<script>" not in text
    assert len(load_dataset(str(out), "mine", split="train", cache_dir=str(tmp_path / "cache"))) == 2
    assert write_card(out).name == "README.md", "the seal is right"


@pytest.mark.parametrize("content", ["{", "[]", "{}", json.dumps(subset_record("other"))])
def test_a_record_that_is_not_one_is_named(tmp_path: Path, content: str) -> None:
    video = video_row("a.mp4", duration=4.0)
    out = write_output(tmp_path / "out", [video], [clip_row(video, 0, 0.0, 2.0)])
    (out / "subsets" / "mine").mkdir(parents=True)
    (out / "subsets" / "mine" / "subset.json").write_text(content)
    with pytest.raises(OutputError, match=r"mine.subset\.json"):
        write_card(out)


def test_yaml_itself_reads_what_was_edited() -> None:
    front = with_config(CARD, CONFIG).split("---\n")[1]
    assert [config["config_name"] for config in yaml.safe_load(front)["configs"]] == ["full", "small", "new"]
