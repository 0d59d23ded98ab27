"""`panda-hf build panda-70m`: from the official CSV files to what `load_dataset` loads, compared with plain Python."""

from __future__ import annotations

import ast
import csv
import gzip
import json
import os
import re
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset
from datasets.utils.info_utils import NonMatchingSplitsSizesError
from typer.testing import CliRunner

from panda_hf import schema
from panda_hf.cli import app
from panda_hf.cli.build import builder
from panda_hf.errors import OutputError, SourceError
from panda_hf.subsets import Subset, make_subset

COLUMNS = ["videoID", "url", "timestamp", "caption", "matching_score"]
LATE = ["desirable_filtering", "shot_boundary_detection"]
SCRIPT = Path(__file__).parents[2] / "dataset_scripts" / "panda-70m" / "build.py"


def seconds(time: str) -> float:
    hours, minutes, rest = time.split(":")
    return float((int(hours) * 60 + int(minutes)) * 60 + Decimal(rest))


def plain_rows(path: Path) -> list[dict[str, Any]]:
    """What the rows of a CSV file mean, by the csv module and literal_eval alone."""
    rows = []
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            lists = {name: ast.literal_eval(cell) for name, cell in row.items() if name not in ("videoID", "url")}
            for i, (start, end) in enumerate(lists["timestamp"]):
                late = "desirable_filtering" in lists
                shots = [
                    {"start": seconds(a), "end": seconds(b)} for a, b in lists["shot_boundary_detection"][i]
                ] if late else None  # fmt: skip
                rows.append(
                    {
                        "clip_id": f"{row['videoID']}.{i}",
                        "video_id": row["videoID"],
                        "url": row["url"],
                        "start": seconds(start),
                        "end": seconds(end),
                        "caption": lists["caption"][i],
                        "matching_score": lists["matching_score"][i],
                        "desirable_filtering": lists["desirable_filtering"][i] if late else None,
                        "shot_boundary_detection": shots,
                    }
                )
    return rows


def write_csv(path: Path, videos: list[list[str]], late: bool) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *(LATE if late else [])])
        writer.writerows(videos)
    return path


def made_video(video_id: str, clips: int, late: bool) -> list[str]:
    """A row of the release with what is awkward to read: quotes of both kinds, commas, breaks, other scripts."""
    captions = ['A dog\'s "bone", [1, 2].', 'He said "no"', "It's 'fine'\\n", "two\nlines", "パンダ 🐼 café"]
    times = [[f"0:{i:02d}:01.000", f"0:{i:02d}:05.{i:03d}"] for i in range(clips)]
    row = [
        video_id,
        f"https://www.youtube.com/watch?v={video_id}",
        str(times),
        str([captions[i % 5] for i in range(clips)]),
        str([1700 / 4096 + i / 4096 for i in range(clips)]),
    ]
    if late:
        row += [
            str(["desirable" if i % 2 else "3_screen_in_screen" for i in range(clips)]),
            str([[["0:00:00.000", "0:00:02.002"], ["0:00:02.002", "0:00:04.000"]][: 1 + i % 2] for i in range(clips)]),
        ]
    return row


def made_csv(path: Path, late: bool, prefix: str = "video") -> Path:
    return write_csv(path, [made_video(f"{prefix}_{i:05d}", 1 + i % 7, late) for i in range(30)], late)


def build(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["build", "panda-70m", *map(str, arguments)])


def built(*arguments: str | Path) -> str:
    result = build(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def loaded(folder: Path, config: str | None, split: str, **options: Any) -> Any:
    return load_dataset(str(folder), config, split=split, cache_dir=str(folder.parent / "cache"), **options)


def front_matter(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


@pytest.fixture
def all_parts(tmp_path: Path) -> dict[str, Path]:
    """Made files of all five parts, in old and new columns, plain and packed."""
    plain = {
        "full/train": made_csv(tmp_path / "panda70m_training_full_with_additional_annotation.csv", True, "f"),
        "10m/train": made_csv(tmp_path / "panda70m_training_10m.csv", False, "t"),
        "2m/train": made_csv(tmp_path / "PANDA70M_training_2m(1).csv", False, "s"),
        "heldout/validation": made_csv(tmp_path / "panda70m_validation_first300.csv", True, "v"),
        "heldout/test": made_csv(tmp_path / "panda70m_testing.csv", False, "e"),
    }
    with zipfile.ZipFile(plain["full/train"].with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain["full/train"], "panda70m_training_full.csv")
    packed = tmp_path / "panda70m_training_10m.csv.gz"
    packed.write_bytes(gzip.compress(plain["10m/train"].read_bytes()))
    return plain


def test_the_real_rows_load_exactly_as_the_readme_says(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "panda70m" / "panda70m_validation_first300.csv"
    built("--csv", source, "--out", tmp_path / "panda-70m")
    wanted = plain_rows(source)
    assert len(wanted) == 900
    code = (
        "import json; from datasets import load_dataset\n"
        "streamed = load_dataset('panda-70m', '2m', split='validation', streaming=True)\n"
        "eager = load_dataset('panda-70m', '2m', split='validation')\n"
        "assert eager.features == streamed.features\n"
        "print(json.dumps([list(streamed), eager.to_list()]))"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    streamed, eager = json.loads(done.stdout)
    assert streamed == eager == wanted


def test_every_configuration_and_split_holds_the_rows_of_its_file(all_parts: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "panda-70m"
    packed = {"full/train": all_parts["full/train"].with_suffix(".zip"),
              "10m/train": tmp_path / "panda70m_training_10m.csv.gz"}  # fmt: skip
    built("--csv", *{**all_parts, **packed}.values(), "--out", out)
    for config in ("full", "10m", "2m"):
        places = {"train": f"{config}/train", "validation": "heldout/validation", "test": "heldout/test"}
        for split, place in places.items():
            wanted = plain_rows(all_parts[place])
            eager, streamed = loaded(out, config, split), loaded(out, config, split, streaming=True)
            assert eager.features == streamed.features == schema.RELEASE_ROW
            assert eager.to_list() == list(streamed) == wanted, (config, split)
    assert loaded(out, None, "train").to_list() == plain_rows(all_parts["full/train"])
    assert not list(tmp_path.glob(".panda-70m*"))


def test_the_validation_file_alone_makes_all_configurations(tmp_path: Path) -> None:
    source = made_csv(tmp_path / "panda70m_validation.csv", False)
    out = tmp_path / "panda-70m"
    output = built(source, "--out", out)
    assert f'load_dataset("{out.as_posix()}", "full", split="validation", streaming=True)' in output
    for config in (None, "full", "10m", "2m"):
        assert loaded(out, config, "validation").to_list() == plain_rows(source)
    front = front_matter(out)
    assert [config["config_name"] for config in front["configs"]] == ["full", "10m", "2m"]
    assert [config["config_name"] for config in front["configs"] if config.get("default")] == ["full"]


@pytest.mark.parametrize(("given", "default"), [(["2m", "10m"], "10m"), (["2m"], "2m"), (["full", "2m"], "full")])
def test_the_largest_part_is_loaded_by_default(tmp_path: Path, given: list[str], default: str) -> None:
    sources = [made_csv(tmp_path / f"panda70m_training_{name}.csv", False, name) for name in given]
    built("--csv", *sources, "--out", tmp_path / "out")
    front = front_matter(tmp_path / "out")
    assert {config["config_name"] for config in front["configs"]} == set(given)
    assert loaded(tmp_path / "out", None, "train")[0]["video_id"] == f"{default}_00000"


def test_a_part_may_be_named_whatever_the_file_is_called(tmp_path: Path) -> None:
    one, two = made_csv(tmp_path / "a=b.csv", False, "a"), made_csv(tmp_path / "mine.csv", True, "b")
    built("--csv", f"10m/train={one}", f"heldout/test={two}", "--out", tmp_path / "out")
    assert loaded(tmp_path / "out", "10m", "train").to_list() == plain_rows(one)
    assert loaded(tmp_path / "out", "2m", "test").to_list() == plain_rows(two)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no CSV file was given"),
        (["missing/panda70m_validation.csv"], "missing/panda70m_validation.csv is not a file"),
        (["mine.csv"], "Say what it is, one of: full/train=mine.csv, 10m/train=mine.csv"),
        (["panda70m_training_2million.csv"], "Say what it is"),
        (["panda70m_validation.csv", "validation=mine.csv"], "would both be heldout/validation"),
        (["train=mine.csv"], "'train' is no part of the release; say what mine.csv is, one of: full/train, 10m/train"),
        (["test=nowhere.csv"], "nowhere.csv is not a file"),
        (["test=other.csv"], "not a CSV file of Panda-70M"),
    ],
)
def test_a_file_that_cannot_be_taken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.csv", "panda70m_validation.csv", "panda70m_training_2million.csv"):
        made_csv(tmp_path / name, False)
    (tmp_path / "other.csv").write_text("id,text\n1,x\n")
    result = build(*arguments, "--out", "out")
    assert result.exit_code == 1 and said in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_used_is_set_aside_and_told(tmp_path: Path) -> None:
    good = [made_video(f"video_{i:05d}", 3, False) for i in range(5)]
    broken = {
        "unequal": [*good[0][:3], "['only one']", good[0][4]],
        "literal": [*good[0][:3], "['a', __import__('os'), 'c']", good[0][4]],
        "order": [*good[0][:2], str([["0:00:05.000", "0:00:01.000"]] * 3), *good[0][3:]],
    }
    rows = [*good[:2], *([name.ljust(11, "_"), *row[1:]] for name, row in broken.items()), *good[2:]]
    source = write_csv(tmp_path / "panda70m_testing.csv", rows, False)
    output = built(source, "--out", tmp_path / "out")
    assert "8 videos read = 5 written + 3 rejected + 0 opted out; 15 clips" in output
    assert len(loaded(tmp_path / "out", "full", "test")) == 15
    rejected = loaded(tmp_path / "out", "rejected", "train")
    assert [row["video_id"] for row in rejected] == [name.ljust(11, "_") for name in broken]
    assert all(row["cause"] and row["file"] == source.name for row in rejected)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| `panda70m_testing.csv` \| .+ \| 1 \|$", card, re.MULTILINE)) == 3
    assert "rejected" in [config["config_name"] for config in front_matter(tmp_path / "out")["configs"]]


def test_files_without_a_usable_row_make_no_folder(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "panda70m_testing.csv", [["a", "u", "[]", "['x']", "[]"]], False)
    result = build(source, "--out", tmp_path / "out")
    assert result.exit_code == 1 and "no row of the given files can be used" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_file_with_a_header_alone_is_told_apart_from_one_that_was_not_given(tmp_path: Path) -> None:
    good = made_csv(tmp_path / "panda70m_validation.csv", True)
    bare = write_csv(tmp_path / "panda70m_testing.csv", [], False)
    result = build(bare, "--out", tmp_path / "alone")
    assert result.exit_code == 1
    assert "no row of the given files can be used: panda70m_testing.csv: it has a header and no row" in result.stderr
    built(good, bare, "--out", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    (missing,) = [line for line in card.splitlines() if "Not in this build" in line]
    assert "heldout/test" not in missing and "full/train" in missing
    assert "- **No row in this build**: `heldout/test`. The file `panda70m_testing.csv` was given" in card
    built(good, "--out", tmp_path / "one")
    assert "No row in this build" not in (tmp_path / "one" / "README.md").read_text(encoding="utf-8")


def test_videos_that_are_in_validation_and_test_are_told(tmp_path: Path) -> None:
    validation = write_csv(tmp_path / "a.csv", [made_video(name, 2, False) for name in ("x", "y", "z")], False)
    test = write_csv(tmp_path / "b.csv", [made_video(name, 2, False) for name in ("w", "z", "y")], False)
    output = built(f"validation={validation}", f"test={test}", "--out", tmp_path / "out")
    assert "Note: 2 videos in both validation and test." in output
    assert "- **2 videos in both `validation` and `test`**" in (tmp_path / "out" / "README.md").read_text()
    other = write_csv(tmp_path / "c.csv", [made_video("w", 1, False)], False)
    output = built(f"validation={validation}", f"test={other}", "--out", tmp_path / "apart")
    assert "in both" not in output and "in both" not in (tmp_path / "apart" / "README.md").read_text()
    assert "heldout/test: 1 video read = 1 written + 0 rejected + 0 opted out; 1 clip\n" in output


def test_those_who_opted_out_are_not_in_it_and_not_named(tmp_path: Path) -> None:
    source = made_csv(tmp_path / "panda70m_validation.csv", True)
    listed = tmp_path / "opt-out.txt"
    listed.write_text("video_00003\nhttps://youtu.be/video_00004\nchannel:some body\nnowhere_123\n")
    output = built(source, "--out", tmp_path / "out", "--opt-out", listed)
    assert "30 videos read = 28 written + 0 rejected + 2 opted out" in output and "channels" in output
    assert "1 of 3 videos of the opt-out list are in no file." in output
    kept = [row for row in plain_rows(source) if row["video_id"] not in ("video_00003", "video_00004")]
    assert loaded(tmp_path / "out", "2m", "validation").to_list() == kept
    card, record = ((tmp_path / "out" / name).read_text(encoding="utf-8") for name in ("README.md", "build.json"))
    assert "2 rows of the CSV files left out" in card
    for text in (card, record):
        assert "video_0000" not in text and "some body" not in text
    assert json.loads(record)["opt_out"]["entries"] == 4


def test_the_record_says_what_was_built_of_what(tmp_path: Path) -> None:
    source = made_csv(tmp_path / "panda70m_validation.csv", False)
    built(source, "--out", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "build.json").read_text(encoding="utf-8"))
    (part,) = record["summary"]["parts"]
    assert record["made_by"] == "panda_hf" and record["dataset"] == "panda-70m" and record["opt_out"] is None
    assert (part["source"], part["videos"], part["clips"]) == (source.name, 30, len(plain_rows(source)))
    assert str(tmp_path) not in json.dumps(record)


def test_the_card_tells_figures_of_this_build_and_of_the_release_apart(
    all_parts: dict[str, Path], tmp_path: Path
) -> None:
    built("--csv", all_parts["full/train"], all_parts["heldout/validation"], "--out", tmp_path / 'my "panda" <b>`70m`')
    folder = tmp_path / 'my "panda" <b>`70m`'
    card, front = (folder / "README.md").read_text(encoding="utf-8"), front_matter(folder)
    clips = len(plain_rows(all_parts["full/train"]))
    assert re.search(rf"^\| `full` \| `train` \| {clips} \| 30 \| .* \| yes \|", card, re.MULTILINE)
    assert "| Training (full) | 3,779,763 | 70,723,513 | 167 thousand |" in card
    assert "Not in this build**: `10m/train` (`panda70m_training_10m.csv`), `2m/train`" in card
    assert 'load_dataset("my \\"panda\\" <b>`70m`", "full", split="train", streaming=True)' in card
    assert front["license"] == "other" and "For research only" in card and "Snap Inc." in card
    assert front["size_categories"] == ["n<1K"] and front["language"] == ["en"]
    rows = {
        info["config_name"]: {s["name"]: s["num_examples"] for s in info["splits"]} for info in front["dataset_info"]
    }
    held = len(plain_rows(all_parts["heldout/validation"]))
    assert rows == {
        "full": {"train": clips, "validation": held},
        "10m": {"validation": held},
        "2m": {"validation": held},
    }
    assert all(re.fullmatch("build [0-9a-f]{16}", config["description"]) for config in front["configs"])


def test_rows_that_went_missing_are_noticed_when_loading(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = made_csv(tmp_path / "panda70m_validation.csv", False)
    built(source, "--out", tmp_path / "out")
    (file,) = (tmp_path / "out" / "heldout").iterdir()
    pq.write_table(pq.read_table(file).slice(1), file)
    with pytest.raises(NonMatchingSplitsSizesError):
        loaded(tmp_path / "out", "full", "validation")
    assert "Ignoring part of dataset_info" not in caplog.text


def test_a_folder_is_replaced_only_when_asked_and_no_stale_row_is_served(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = made_csv(tmp_path / "panda70m_validation.csv", False, "first")
    built(first, "--out", out)
    assert loaded(out, "2m", "validation")[0]["video_id"] == "first_00000"
    second = made_csv(tmp_path / "panda70m_validation.csv", False, "other")
    result = build(second, "--out", out)
    assert result.exit_code == 1 and "--overwrite" in result.stderr
    built(second, "--out", out, "--overwrite")
    assert loaded(out, "2m", "validation")[0]["video_id"] == "other_00000"
    make_subset(out, "mine", Subset(max_videos=2), split="validation")
    assert [row["video_id"] for row in loaded(out, "mine", "train")]
    result = build(second, "--out", out, "--overwrite")
    assert result.exit_code == 1 and "curated splits mine" in result.stderr


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    source = made_csv(tmp_path / "panda70m_validation.csv", False)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("all of it")
    assert build(source, "--out", tmp_path / "out", "--overwrite").exit_code == 1
    assert (tmp_path / "out" / "thesis.txt").read_text() == "all of it"


def test_the_script_runs_by_itself(tmp_path: Path) -> None:
    made_csv(tmp_path / "panda70m_validation.csv", False)
    command = [sys.executable, str(SCRIPT), "--csv", "panda70m_validation.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Load it:" in done.stdout and (tmp_path / "panda-70m" / "README.md").is_file()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 1 and again.stderr.startswith("Error: ")


def test_the_sources_come_in_the_order_of_the_release(all_parts: dict[str, Path]) -> None:
    module = builder("panda-70m")
    sources = module.sources_of([str(path) for path in reversed(all_parts.values())])
    assert [(source.part, Path(source.path)) for source in sources] == list(all_parts.items())
    with pytest.raises(SourceError, match="no CSV file"):
        module.sources_of([])
    with pytest.raises(OutputError, match="mine"):
        folder = all_parts["full/train"].parent
        (folder / "subsets" / "mine").mkdir(parents=True)
        (folder / "subsets" / "mine" / "subset.json").write_text("{}")
        module.keep_curated(folder, True)
