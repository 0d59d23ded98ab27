"""`--teacher`, `--checkpoint`, `--teacher-config`, `--one-model-at-a-time` of `panda-hf curate` and `plan`."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import typer
from datasets import load_dataset
from typer.testing import CliRunner, Result

from panda_hf import explode_clips
from panda_hf.captioning import Caption
from panda_hf.captioning.registry import teachers_of
from panda_hf.captioning.teacher_file import read_teachers
from panda_hf.cli import app
from panda_hf.cli.curate_teachers import teacher_stages
from panda_hf.models.release import release_models
from panda_hf.selection import Select
from tests.captioning import chat_server
from tests.running.fakes import FakeFrames, FakeSplit, write_videos


def wrong(tmp_path: Path, command: str, *arguments: str) -> Result:
    (tmp_path / "a.mp4").write_bytes(b"not decoded")
    out = ["--out", str(tmp_path / "out")] if command == "curate" else []
    result = CliRunner().invoke(app, [command, str(tmp_path), *out, *arguments], env={"COLUMNS": "200"})
    assert not (tmp_path / "out").exists()
    return result


def test_the_set_of_the_paper_runs_from_folders_on_this_machine() -> None:
    given = ["video_llama_pretrain=models/vl", "videochat_text.frames=models/florence2", "videochat_text=models/qwen"]
    stages = teacher_stages(["paper"], given)
    assert [stage.teacher for stage in stages] == list(teachers_of("paper"))
    by_name = {stage.teacher: stage for stage in stages}
    assert by_name["video_llama_pretrain"] == Caption(teacher="video_llama_pretrain", checkpoint="models/vl")
    assert by_name["blip2_opt_2_7b"] == Caption(teacher="blip2_opt_2_7b")
    card = by_name["videochat_text"].card()
    assert (card.checkpoint, card.part("frames")) == ("models/qwen", "models/florence2")
    assert card.part("action") == Caption(teacher="videochat_text").card().part("action")


def test_the_teachers_of_the_default_take_a_checkpoint_too() -> None:
    stages = teacher_stages([], ["mini_video=a=b"])
    assert [stage.teacher for stage in stages] == list(teachers_of("mini"))
    assert {stage.teacher: stage.checkpoint for stage in stages if stage.checkpoint} == {"mini_video": "a=b"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["mini_text=models/x"], "none of the teachers of this run: mini_image"),
        (["mini_image.frames=models/x"], "no part 'frames'"),
        (["mini_image"], "expected NAME=FOLDER"),
        (["mini_image=a", "mini_image=b"], "two checkpoints, 'a' and 'b'"),
    ],
)
@pytest.mark.parametrize("command", ["curate", "plan"])
def test_a_checkpoint_without_a_teacher_is_wrong_usage(command, given, says, tmp_path) -> None:
    options = [word for one in given for word in ("--checkpoint", one)]
    result = wrong(tmp_path, command, "--teacher", "mini_image", *options)
    assert result.exit_code == 2 and "--checkpoint" in result.stderr
    assert says in " ".join(result.stderr.replace("│", " ").split())


def own_teachers(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "teachers.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_teachers_of_ones_own_come_beside_those_that_are_named_or_in_their_place(tmp_path) -> None:
    path = own_teachers(tmp_path, "mine: {family: git, checkpoint: a/b}\nblip2_opt_2_7b: {num_beams: 3}")
    mine, changed = read_teachers(path)
    assert teacher_stages([], [], [mine, changed]) == [mine, changed]
    assert teacher_stages(["mini_video"], ["mini_video=x"], [mine]) == [
        Caption(teacher="mini_video", checkpoint="x"),
        mine,
    ]
    assert teacher_stages(["mine", "mini_image"], [], [mine]) == [Caption(teacher="mini_image"), mine]
    paper = teacher_stages(["paper"], [], [mine, changed])
    assert [stage.teacher for stage in paper] == [*teachers_of("paper"), "mine"]
    assert changed in paper and Caption(teacher="blip2_opt_6_7b") in paper
    with pytest.raises(typer.BadParameter, match="--teacher-config; write its checkpoint there"):
        teacher_stages([], ["mine=x"], [mine])


@pytest.mark.parametrize("command", ["curate", "plan"])
@pytest.mark.parametrize(
    ("text", "says"),
    [("mine: {famly: git}", "did you mean 'family'"), ("mine: {family: endpoint, checkpoint: m}", "endpoint=None")],
)
def test_a_file_of_teachers_that_makes_no_sense_is_wrong_usage(command, text, says, tmp_path) -> None:
    result = wrong(tmp_path, command, "--teacher-config", str(own_teachers(tmp_path, text)))
    assert result.exit_code == 2 and "--teacher-config" in result.stderr
    assert says in " ".join(result.stderr.replace("│", " ").split())


def test_a_key_that_is_not_set_is_missed_before_any_work(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    served = (
        "served: {family: endpoint, checkpoint: m, endpoint: {url: 'http://localhost:1/v1', key_variable: MY_KEY}}"
    )
    result = wrong(tmp_path, "curate", "--teacher-config", str(own_teachers(tmp_path, served)))
    assert result.exit_code == 1 and "MY_KEY" in result.stderr


def test_a_served_teacher_captions_from_the_command_line_and_its_key_is_written_nowhere(tmp_path, monkeypatch) -> None:
    """Only splitting and frames are stand-ins; the server gets the key, the folder that is written holds neither."""

    def quick(preset: str, split_preset: str | None, *, teachers: list[Caption], **_: object) -> list:
        names = tuple(stage.teacher for stage in teachers)
        return [FakeSplit(), explode_clips, FakeFrames(), *teachers, Select(teachers=names)]

    monkeypatch.setattr(importlib.import_module("panda_hf.cli.curate"), "chosen_steps", quick)
    monkeypatch.setenv("MY_KEY", "sk-very-secret-0123456789")
    release_models()
    videos, out = write_videos(tmp_path / "videos", a=2), tmp_path / "out"
    with chat_server.running() as server:
        place = f"{{url: '{server.url}', key_variable: MY_KEY}}"
        path = own_teachers(tmp_path, f"served: {{family: endpoint, checkpoint: a/model, endpoint: {place}}}")
        options = ["--workers", "0", "--teacher-config", str(path)]
        result = CliRunner().invoke(app, ["curate", str(videos), "--out", str(out), *options])
        assert result.exit_code == 0, result.output
        assert {headers["Authorization"] for headers in server.log.headers} == {"Bearer sk-very-secret-0123456789"}
        address = server.url.removeprefix("http://").removesuffix("/v1")
    assert set(load_dataset(str(out), split="train")["caption_served"]) == {"nothing in 3 pictures."}
    files = [file for file in out.rglob("*") if file.is_file()]
    assert any(b"a/model" in file.read_bytes() for file in files)
    for file in files:
        assert b"sk-very-secret" not in file.read_bytes() and address.encode() not in file.read_bytes(), file
    assert "sk-very-secret" not in result.output


@pytest.mark.parametrize("command", ["curate", "plan"])
def test_a_folder_that_is_not_there_is_missed_before_any_work(command, tmp_path) -> None:
    where = str(tmp_path / "not" / "there")
    result = wrong(tmp_path, command, "--teacher", "mini_image", "--checkpoint", f"mini_image={where}")
    assert result.exit_code == 1 and where in result.stderr and result.stderr.count("\n") == 1


def test_an_unknown_teacher_is_wrong_usage(tmp_path) -> None:
    result = wrong(tmp_path, "curate", "--teacher", "nobody")
    assert result.exit_code == 2 and "'nobody'" in result.stderr


@pytest.mark.parametrize("command", ["curate", "plan"])
def test_workers_beside_one_model_at_a_time_are_wrong_usage(command, tmp_path) -> None:
    result = wrong(tmp_path, command, "--workers", "1", "--one-model-at-a-time")
    assert result.exit_code == 2 and "--workers" in result.stderr and "Traceback" not in result.output
