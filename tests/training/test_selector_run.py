"""A whole training: pairs, answers, crops, curves, precision, and two processes under accelerate."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.errors import CheckpointError
from panda_hf.selection.scorer import load_scorer
from panda_hf.training.curves import COLUMNS, write_curves
from panda_hf.training.selector import SelectorLoss
from panda_hf.training.selector_examples import ClipExamples, Lines, RandomCrop
from panda_hf.training.selector_run import load_selector
from panda_hf.training.selector_settings import SelectorSettings
from tests.models.umt_sizes import tiny_model, tiny_processor
from tests.selection.answered import coloured, rows_of, table, write
from tests.selection.test_rerank import whole_model

FAST = ["--learning-rate", "1e-2", "--batch-size", "8", "--crop", "0.9"]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    whole_model().save_pretrained(folder)
    tiny_processor().save_pretrained(folder)
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["train", "selector", *map(str, arguments)])
    assert result.exit_code == 0, result.output + str(result.exception)
    return result.output


def test_fine_tuning_on_answers_learns_to_pick(start: Path, tmp_path: Path) -> None:
    answers = write(tmp_path / "answers.parquet", 60, people=2)
    said = run(answers, "--from", start, "--out", tmp_path / "out", "--steps", 80, "--held-out", 0.2, *FAST)
    picked = float(re.search(r"picked as people do ([\d.]+)%", said)[1])
    assert picked >= 90
    scorer = load_scorer(str(tmp_path / "out"), None, None, None, head=True)
    right = [int(np.argmax(scorer(coloured(i, 5), ["a red ball", "a blue ball", "a green ball"]))) for i in range(6)]
    assert sum(pick == i % 3 for i, pick in enumerate(right)) >= 5
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "model.safetensors", "processor_config.json", "curves.csv", "curves.png"} <= files
    assert "states" not in files
    again = CliRunner().invoke(
        app, ["train", "selector", str(answers), "--from", str(start), "--out", str(tmp_path / "out")]
    )
    assert again.exit_code == 1 and "finished selector" in again.stderr


def test_the_curve_has_losses_and_what_held_out_clips_say(start: Path, tmp_path: Path) -> None:
    answers = write(tmp_path / "answers.parquet", 40)
    run(answers, "--from", start, "--out", tmp_path / "out", "--steps", 10, "--save-every", 5, *FAST)
    with open(tmp_path / "out" / "curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows if row["eval_picked"]] == ["0", "5", "10"]
    assert any(row["loss"] for row in rows) and tuple(rows[0]) == COLUMNS
    rates = [float(row["learning_rate"]) for row in rows if row["learning_rate"]]
    assert max(rates) <= 1e-2 and rates[-1] < rates[0]


def test_pre_training_on_pairs_then_finds_captions(start: Path, tmp_path: Path) -> None:
    rows = rows_of(45)
    for i, row in enumerate(rows):
        row["clip_id"] = f"video{i}.0"
    pairs = table(rows).remove_columns(["picked", "annotator", "candidates"])
    pairs = pairs.add_column("caption", [f"a {('red', 'blue', 'green')[i % 3]} ball" for i in range(45)])
    pairs.to_parquet(tmp_path / "pairs.parquet")
    run(tmp_path / "pairs.parquet", "--from", start, "--out", tmp_path / "out", "--steps", 100, *FAST)
    scorer = load_scorer(str(tmp_path / "out"), None, None, None)
    right = [int(np.argmax(scorer(coloured(i, 5), ["a red ball", "a blue ball", "a green ball"]))) for i in range(30)]
    assert sum(pick == i % 3 for i, pick in enumerate(right)) >= 20  # chance is 10; 20 or more have 0.0002


def test_an_interrupted_training_goes_on(start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from panda_hf.training import selector_run

    answers = write(tmp_path / "answers.parquet", 30)
    common = [answers, "--from", start, "--out", tmp_path / "out", "--steps", 6, "--save-every", 2, *FAST]

    class Stop(Exception):
        pass

    class Interrupts(selector_run.CurveWriter):
        def on_save(self, args, state, control, **kwargs):
            if state.global_step == 4:
                raise Stop

    monkeypatch.setattr(selector_run, "CurveWriter", Interrupts)
    broken = CliRunner().invoke(app, ["train", "selector", *map(str, common)])
    assert isinstance(broken.exception, Stop) and (tmp_path / "out" / "states" / "checkpoint-4").is_dir()
    monkeypatch.undo()
    run(*common)
    with open(tmp_path / "out" / "curves.csv", newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["eval_picked"]]
    assert steps == [0, 2, 4, 6]


def test_bfloat16_and_gradient_checkpointing_train_the_same_model(start: Path, tmp_path: Path) -> None:
    answers = write(tmp_path / "answers.parquet", 30)
    options = ["--precision", "bf16", "--gradient-checkpointing", "--accumulate", 2, "--workers", 1]
    run(answers, "--from", start, "--out", tmp_path / "out", "--steps", 2, *options, *FAST)
    model, _ = load_selector(str(tmp_path / "out"))
    before, _ = load_selector(str(start))
    changed = [name for name, t in model.state_dict().items() if not torch.equal(t, before.state_dict()[name])]
    assert "itm_head.weight" in changed and any("vision_model.encoder.layer.0" in name for name in changed)
    assert model.dtype == torch.float32


@pytest.mark.slow
def test_two_processes_under_accelerate_give_one_selector(start: Path, tmp_path: Path) -> None:
    answers = write(tmp_path / "answers.parquet", 40)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29617"]
    command += [
        "-m",
        "panda_hf",
        "train",
        "selector",
        str(answers),
        "--from",
        str(start),
        "--out",
        str(tmp_path / "out"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run([*command, "--steps", "4", *FAST], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("held out") == 1
    assert load_selector(str(tmp_path / "out"))[0] is not None


def test_a_missing_or_incomplete_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        load_selector(str(tmp_path / "nowhere"))
    tiny_model().save_pretrained(tmp_path)
    tiny_processor().save_pretrained(tmp_path)
    assert type(load_selector(str(tmp_path))[0]).__name__ == "UMTModel"
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["UMTForVideoTextRetrieval"]}))
    with pytest.raises(CheckpointError, match="incomplete"):
        load_selector(str(tmp_path))


def test_the_defaults_are_the_papers() -> None:
    fine, pre = SelectorSettings.of("answers"), SelectorSettings.of("pairs")
    assert (fine.learning_rate, fine.batch_size, fine.epochs, fine.weight_decay) == (2e-5, 32, 10.0, 0.02)
    assert (pre.learning_rate, pre.batch_size) == (1e-4, 128)
    assert SelectorLoss().other_clips == 0.01
    arguments = fine.arguments(Path("x"), clips=86_131, processes=1)
    assert arguments.max_steps == 10 * (86_131 // 32) and arguments.warmup_steps == 86_131 // 32
    assert (arguments.adam_beta1, arguments.adam_beta2) == (0.9, 0.999)


def test_a_crop_is_a_part_of_the_picture_the_same_in_all_frames() -> None:
    frames = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None, None], (3, 64, 48, 3)).copy()
    torch.manual_seed(0)
    spans = []
    for _ in range(40):
        part = RandomCrop(16, least=0.5)(frames)
        assert part.shape == (3, 16, 16, 3) and np.array_equal(part[0], part[2])
        spans.append((int(part.max()) - int(part.min())) / 64)
    assert min(spans) > 0.5 * (3 / 4) ** 0.5 and max(spans) > 0.9 and len(set(spans)) > 10


def test_frames_and_captions_are_drawn_in_training_and_fixed_in_measuring() -> None:
    asked = []

    def frames(clip_id, count, drawn=None):
        asked.append(None if drawn is None else tuple(drawn(count)))
        return coloured(0)

    pair = [Lines("a", ("x", "y", "z"), None)]
    fixed = ClipExamples(pair, frames, 4, drawn=False)
    assert {fixed[0].captions for _ in range(5)} == {("x",)} and set(asked) == {None}
    drawn = ClipExamples(pair, frames, 4, drawn=True)
    assert {drawn[0].captions for _ in range(40)} == {("x",), ("y",), ("z",)}
    assert len(set(asked)) == 41 and all(0 <= share < 1 for shares in asked[5:] for share in shares)


def test_the_table_joins_what_was_logged_at_one_step(tmp_path: Path) -> None:
    history = [{"step": 2, "loss": 0.5, "other": 1}, {"step": 1, "loss": 0.7}, {"step": 2, "eval_picked": 0.25}]
    rows = list(csv.DictReader(write_curves(history, tmp_path).open()))
    assert [(r["step"], r["loss"], r["eval_picked"]) for r in rows] == [("1", "0.7", ""), ("2", "0.5", "0.25")]
