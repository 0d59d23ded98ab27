"""`--teacher`, `--checkpoint` and `--one-model-at-a-time` of `panda-hf curate` and `panda-hf plan`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from panda_hf.captioning import Caption
from panda_hf.captioning.registry import teachers_of
from panda_hf.cli import app
from panda_hf.cli.curate_teachers import teacher_stages


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


def test_the_teachers_of_the_preset_take_a_checkpoint_too() -> None:
    assert [stage.checkpoint for stage in teacher_stages([], ["mini_video=a=b"])] == [None, "a=b", None]


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
