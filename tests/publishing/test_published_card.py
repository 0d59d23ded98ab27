"""The card that a push publishes tells of what is published."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from panda_hf.publishing.hub.prepare import prepare
from tests.publishing.hub_client import REPO, built, loaded, pushed, small
from tests.publishing.hub_server import Hub


def test_a_build_without_those_who_opted_out_is_loaded_whole_and_its_card_tells_the_truth(
    hub: Hub, tmp_path: Path
) -> None:
    out = built(tmp_path)
    rows = pq.read_table(out / "heldout").to_pylist()
    gone = rows[0]["video_id"]
    left = [row["clip_id"] for row in rows if row["video_id"] != gone]
    summary = pushed(hub, tmp_path, out, f"private=True, opt_out=OptOut.of([{gone!r}])")
    for config in ("full", "10m", "2m"):
        assert [row["clip_id"] for row in loaded(hub, tmp_path, config, "validation", False)] == left
    card = hub.read(REPO, "README.md").decode()
    assert f"| `full` | `validation` | {len(left)} |" in card
    assert f"| `2m` | `validation` | {len(left)} |" in card
    assert f"{summary['opted_out']} rows left out" in card and "No opt-out list was given" not in card
    assert f" {len(rows)} |" not in card and f"num_examples: {len(rows)}\n" not in card


def test_a_split_of_which_nothing_is_left_is_not_in_the_card(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out", shards=2)
    card = (out / "README.md").read_text()
    front = "  - split: train\n    path: data/train-0.parquet\n  - split: test\n    path: data/train-1.parquet\n"
    (out / "README.md").write_text(card.replace("  - split: train\n    path: data/*.parquet\n", front))
    pushed(hub, tmp_path, out, "private=True, opt_out=OptOut.of(['v1.0', 'v1.1', 'v1.2', 'v1.3'])")
    assert len(loaded(hub, tmp_path, "default", "train", False)) == 4
    assert "data/train-1.parquet" not in hub.read(REPO, "README.md").decode()


def test_one_configuration_alone_can_be_published(hub: Hub, tmp_path: Path) -> None:
    out = built(tmp_path)
    expected = [row["clip_id"] for path in (out / "subsets/good").glob("*.parquet")
                for row in pq.read_table(path).to_pylist()]  # fmt: skip
    pushed(hub, tmp_path, out, "private=True, configs=['good']")
    assert [row["clip_id"] for row in loaded(hub, tmp_path, "good", "train", True)] == expected
    assert not [path for path in hub.repos[REPO].files if path.startswith("heldout")]


def test_the_card_of_one_configuration_tells_of_no_other(hub: Hub, tmp_path: Path) -> None:
    out = built(tmp_path)
    pushed(hub, tmp_path, out, "private=True, configs=['2m']")
    assert {row["video_id"] for row in loaded(hub, tmp_path, "2m", "train", False)} == set(
        pq.read_table(out / "2m")["video_id"].to_pylist()
    )
    card = hub.read(REPO, "README.md").decode()
    assert f'load_dataset("{REPO}", "2m", split="train", streaming=True)' in card
    assert 'load_dataset("' + REPO + '", "full"' not in card and "| `full` |" not in card
    assert "Curated splits" not in card and '"good"' not in card
    assert "Not published here, whatever else this card says: `full`, `10m`, `good`." in card
    assert f"| `2m` | `train` | {pq.read_table(out / '2m').num_rows} |" in card


def test_the_example_of_a_card_without_our_marks_is_rewritten_too(tmp_path: Path) -> None:
    out, staging = small(tmp_path / "out", shards=2), tmp_path / "staging"
    staging.mkdir()
    configs = "".join(f"- config_name: {n}\n  data_files: data/train-{i}.parquet\n" for i, n in enumerate("ab"))
    example = '```python\nprint("first")\n```\n\n```python\nx = load_dataset("here", "a")\nprint(x)\n```\n\nMore.\n'
    (out / "README.md").write_text(f"---\nlicense: mit\nconfigs:\n{configs}---\n\n# Title\n\n{example}")
    prepare(out, staging, REPO, configs=["b"])
    body = (staging / "README.md").read_text().split("---\n", 2)[2]
    assert body.startswith("\n# Title\n") and body.endswith("```\n\nMore.\n")
    assert body.index("What is published here") < body.index("first")
    assert f'train = load_dataset("{REPO}", "b", split="train", streaming=True)\n```' in body
    assert '"a"' not in body and "| `b` | `train` | 4 |" in body and "Not published here, whatever" in body
