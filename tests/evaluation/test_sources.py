"""What is evaluated: names, files, models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from panda_hf.errors import CheckpointError, SourceError
from panda_hf.evaluation.names import called, check_names, named
from panda_hf.evaluation.sources import captioner_of, from_files
from panda_hf.models.checkpoints import mini_folder


def written(path: Path, caption: str) -> Path:
    path.write_text(json.dumps({"a": caption}))
    return path


def test_a_thing_is_called_as_it_is_told_or_by_its_own_name(tmp_path: Path) -> None:
    assert named("ours=x/y.json") == ("ours", "x/y.json")
    assert named("Salesforce/blip2-opt-2.7b") == ("Salesforce/blip2-opt-2.7b",) * 2
    odd = written(tmp_path / "a=b.json", "x")
    assert named(str(odd)) == ("a=b", str(odd))


def test_no_name_tells_where_things_are_on_this_machine(tmp_path: Path) -> None:
    assert called(str(tmp_path)) == tmp_path.name
    assert called(str(tmp_path / "p.json")) == "p"


def test_two_things_of_one_name_are_an_error(tmp_path: Path) -> None:
    check_names(["a", "b"])
    with pytest.raises(SourceError, match="'a'"):
        check_names(["a", "b", "a"])
    (tmp_path / "other").mkdir()
    same = [str(written(tmp_path / "p.json", "x")), str(written(tmp_path / "other" / "p.json", "y"))]
    with pytest.raises(SourceError, match="NAME=p"):
        from_files(same)


def test_a_name_given_again_is_another_seed(tmp_path: Path) -> None:
    files = [written(tmp_path / f"{i}.json", f"said {i}") for i in range(3)]
    ours, other = from_files([f"ours={files[0]}", f"ours={files[1]}", str(files[2])])
    assert (ours.name, ours.sets) == ("ours", ({"a": "said 0"}, {"a": "said 1"}))
    assert (other.name, other.sets) == ("2", ({"a": "said 2"},))


def test_a_miniature_is_known_by_checkpoint_and_by_teacher() -> None:
    assert captioner_of("mini/image").stages == captioner_of("x=mini_image").stages
    assert captioner_of("x=mini_image").name == "x"


def test_a_model_of_ones_own_runs_by_its_kind(tmp_path: Path) -> None:
    (blip,) = captioner_of(f"mine={mini_folder() / 'image'}").stages
    assert blip.family == "blip2" and blip.checkpoint == str(mini_folder() / "image")
    assert captioner_of(str(mini_folder() / "video")).stages[0].family == "image_text_to_text"
    with pytest.raises(CheckpointError, match="no folder or Hub id"):
        captioner_of(str(tmp_path))


def test_each_seed_is_a_stage_and_impossible_sampling_is_an_error() -> None:
    captioner = captioner_of("mini/image", seeds=(0, 7), temperature=0.7, top_p=0.8)
    decodings = [stage.card().decoding for stage in captioner.stages]
    assert [(one.sample, one.seed, one.temperature, one.top_p, one.num_beams) for one in decodings] == [
        (True, 0, 0.7, 0.8, 1),
        (True, 7, 0.7, 0.8, 1),
    ]
    assert captioner.provenance()["seed"] == [0, 7]
    with pytest.raises(SourceError, match="top_p"):
        captioner_of("mini/image", seeds=(0,), top_p=1.5)
