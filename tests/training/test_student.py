"""A student learns captions; half precision, LoRA, several batches per step, and a kill change nothing in the rest."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import TrainerCallback
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.cli.train_student import scorer_of
from panda_hf.errors import CheckpointError, OutputError, SourceError
from panda_hf.training.curves import CurveWriter
from panda_hf.training.lora import LoRA
from panda_hf.training.student import StudentCollator, train_student
from panda_hf.training.student_examples import Lesson, Unread
from panda_hf.training.student_run import Adapting, load_student, prepare, train_student_on
from panda_hf.training.student_settings import StudentSettings
from tests.models.student_sizes import save, tiny_model, tiny_processor
from tests.training.student_data import example, train_recorded, write_clips

FAST = {"learning_rate": 1e-2, "batch_size": 4, "num_frames": 4, "save_every": 2}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("start"))


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student without dropout, whose gradients do not depend on how a step's clips are shared out."""
    folder = save(tmp_path_factory.mktemp("steady"))
    config = json.loads((folder / "config.json").read_text())
    for part in ("video_qformer_config", "text_qformer_config"):
        config[part] |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_student(str(folder))[0].state_dict()


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name.split(".")[0] for name, weight in after.items() if not torch.equal(weight, before[name])}


def test_a_clip_that_could_not_be_read_teaches_nothing() -> None:
    collator = StudentCollator(tiny_processor())
    lessons = [Lesson(example(0), (0, 1)), Lesson(Unread("a.0", "broken"), (0, 2)), Lesson(Unread("b.0", None), None)]
    batch = collator(lessons)
    assert batch["skipped"] == [("a.0", "broken")]  # the other one is held out
    assert (batch["labels"][0] != -100).any() and (batch["labels"][1:] == -100).all()
    assert batch["pixel_values"].shape == (3, 4, 3, 28, 28)
    model = tiny_model()
    batch.pop("skipped")
    together = model(**batch).loss
    alone = collator(lessons[:1])
    alone.pop("skipped")
    torch.testing.assert_close(together, model(**alone).loss, rtol=1e-4, atol=1e-5)


def test_a_student_learns_what_the_pictures_show(start: Path, tmp_path: Path) -> None:
    clips = [example(i) for i in range(12)]
    settings = StudentSettings(steps=80, **{**FAST, "batch_size": 12, "save_every": 80}, max_new_tokens=6)

    def score(said, right):
        return {"cider": float(np.mean([a == b for a, b in zip(said, right, strict=True)]))}

    found = train_student_on(
        str(start), clips, clips[:6], tmp_path / "out", settings, adapting=Adapting(frozen=("vision", "qformer")),
        score=score, about={"data": "colours"},
    )  # fmt: skip
    assert found["eval_video_cider"] >= 0.8 and found["eval_text_cider"] >= 0.8
    rows = list(csv.DictReader((tmp_path / "out" / "curves.csv").open()))
    assert [float(row["eval_video_cider"]) for row in rows if row["eval_video_cider"]][0] <= 0.34
    assert float(rows[-1]["epoch"]) == 80.0
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["data"] == "colours" and record["figures"]["eval_video_cider"] == found["eval_video_cider"]
    assert record["settings"]["steps"] == 80 and record["clips_skipped"] == 0
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"model.safetensors", "processor_config.json", "curves.png"} <= files and "states" not in files
    assert changed(weights(start), weights(tmp_path / "out")) >= {"video_qformer", "text_qformer", "language_model"}
    assert not {"vision_model", "qformer", "query_tokens"} & changed(weights(start), weights(tmp_path / "out"))


class FirstGradients(TrainerCallback):
    """Keeps the gradients of the first step."""

    def __init__(self) -> None:
        self.found: dict[str, torch.Tensor] = {}

    def on_pre_optimizer_step(self, args, state, control, model=None, **more):
        if not self.found:
            self.found = {name: w.grad.clone() for name, w in model.named_parameters() if w.grad is not None}


def test_gradients_of_several_batches_add_up_to_those_of_one(steady: Path, tmp_path: Path) -> None:
    clips = [example(i) for i in range(9)]
    clips[3] = clips[3].__class__(clips[3].frames, "a red ball and a green ring and a ball", clip_id="long.0")
    found = []
    for at_once in (4, 1):
        model, processor = load_student(str(steady))
        prepare(model, Adapting())
        first = FirstGradients()
        settings = StudentSettings(steps=1, **FAST, at_once=at_once)
        train_student(model, processor, clips, None, tmp_path / str(at_once), settings, callbacks=[first])
        found.append(first.found)
    whole, parts = found
    assert set(whole) == set(parts) and len(whole) > 20
    for name in whole:
        noise = 1e-3 * float(whole[name].abs().max()) + 1e-6
        torch.testing.assert_close(parts[name], whole[name], rtol=0.0, atol=noise, msg=name)


def test_a_killed_run_goes_on_at_the_very_sample(start: Path, tmp_path: Path) -> None:
    def read(record: str) -> list[int]:
        return list(map(int, (tmp_path / record).read_text().split()))

    train_recorded(start, tmp_path / "whole", tmp_path / "whole.txt")
    killed = multiprocessing.get_context("fork").Process(
        target=train_recorded, args=(start, tmp_path / "halves", tmp_path / "first.txt", 19)
    )
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL  # 24 lessons in all; a state was saved behind the 16th
    assert (tmp_path / "halves" / "states" / "checkpoint-4" / "trained.safetensors").is_file()
    train_recorded(start, tmp_path / "halves", tmp_path / "second.txt")
    whole, first, second = read("whole.txt"), read("first.txt"), read("second.txt")
    assert len(whole) == 24 and sorted(whole[:10]) == list(range(10))
    assert first == whole[:19] and second == whole[16:]
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "halves")
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-5, atol=1e-7, msg=name)


def test_a_finished_training_that_is_resumed_makes_no_step(start: Path, tmp_path: Path) -> None:
    """As when the process was killed behind the last state, before the student was written."""
    clips = [example(i) for i in range(4)]
    settings = StudentSettings(steps=2, **FAST)
    found, trained, tables = [], [], []
    for out in (tmp_path / "out", tmp_path / "again"):
        model, processor = load_student(str(start))
        prepare(model, Adapting())
        curves = CurveWriter(out, columns=("step", "eval_text_loss"))
        found.append(
            train_student(model, processor, clips, clips[:2], tmp_path / "states", settings, callbacks=[curves])
        )
        trained.append(model.state_dict())
        tables.append((out / "curves.csv").read_text())
    assert found[0].pop("train_loss") > 0 and "train_loss" not in found[1]
    assert found[0]["eval_text_loss"] == found[1]["eval_text_loss"] and tables[0] == tables[1]
    assert all(torch.equal(weight, trained[1][name]) for name, weight in trained[0].items())
    assert changed(weights(start), trained[1])
    assert [path.name for path in (tmp_path / "states").glob("checkpoint-*")] == ["checkpoint-2"]


def test_a_state_of_other_settings_is_not_gone_on_with(start: Path, tmp_path: Path) -> None:
    clips = [example(i) for i in range(4)]

    def begin(**other):
        model, processor = load_student(str(start))
        prepare(model, Adapting())
        return train_student(model, processor, clips, None, tmp_path, StudentSettings(steps=2, **{**FAST, **other}))

    begin()
    with pytest.raises(OutputError, match="learning_rate 0.01 \\(now 0.02\\)"):
        begin(learning_rate=2e-2)
    begin(at_once=2)


def test_lora_is_merged_so_that_the_student_loads_without_peft(start: Path, tmp_path: Path) -> None:
    clips = [example(i) for i in range(4)]
    adapting = Adapting(lora=LoRA(rank=2, alpha=4, dropout=0.0))
    train_student_on(str(start), clips, None, tmp_path / "out", StudentSettings(steps=2, **FAST), adapting=adapting)
    before, after = weights(start), weights(tmp_path / "out")
    assert set(before) == set(after) and not any("lora" in name for name in after)
    moved = {
        name for name in after if name.startswith("language_model") and not torch.equal(before[name], after[name])
    }
    assert moved and all("proj" in name for name in moved)
    with pytest.raises(CheckpointError, match="frozen language model"):
        prepare(tiny_model(), Adapting(frozen=("vision",), lora=LoRA()))


def test_frozen_parts_are_kept_in_half_precision(start: Path, tmp_path: Path) -> None:
    clips = [example(i) for i in range(4)]
    model, processor = load_student(str(start))
    prepare(model, Adapting(frozen_format="bfloat16"))
    assert {p.dtype for p in model.language_model.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in model.text_qformer.parameters()} == {torch.float32}
    found = train_student(
        model, processor, clips, clips[:2], tmp_path, StudentSettings(steps=2, **FAST, precision="bf16")
    )
    assert np.isfinite(found["train_loss"]) and np.isfinite(found["eval_text_loss"])


def test_the_defaults_are_the_papers() -> None:
    one = StudentSettings()
    assert (one.steps, one.batch_size, one.warmup_steps, one.num_frames) == (300_000, 48, 2_500, 8)
    assert (one.learning_rate, one.first_rate, one.last_rate) == (1e-4, 1e-6, 5e-5)
    assert (one.beta1, one.beta2, one.weight_decay, one.keep_text) == (0.9, 0.99, 0.05, 0.5)
    arguments = one.arguments(Path("x"), processes=48)
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (1, 1)
    arguments = StudentSettings(at_once=4).arguments(Path("x"), processes=2)
    assert arguments.gradient_accumulation_steps == 6
    with pytest.raises(OutputError, match="cannot be shared"):
        StudentSettings(at_once=5).arguments(Path("x"))


def test_the_learning_rate_goes_as_the_paper_says() -> None:
    from transformers import get_scheduler

    arguments = StudentSettings().arguments(Path("x"))
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=arguments.learning_rate)
    scheduler = get_scheduler(
        arguments.lr_scheduler_type, optimizer, int(arguments.warmup_steps), arguments.max_steps,
        arguments.lr_scheduler_kwargs,
    )  # fmt: skip
    at = lambda step: 1e-4 * scheduler.lr_lambdas[0](step)  # noqa: E731
    assert at(0) == pytest.approx(1e-6) and at(2_499) == pytest.approx(1e-4)
    assert at(1_250) == pytest.approx(5.05e-5, rel=1e-2) and at(299_999) == pytest.approx(5e-5)
    assert at(2_500 + 148_750) == pytest.approx(7.5e-5, rel=1e-3)  # half way down the cosine


def test_the_command_trains_measures_and_skips_what_is_broken(start: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = write_clips(tmp_path / "clips.parquet", 24)
    table = pq.read_table(path)
    packs = table["frames"].to_pylist()
    packs[4] = {**packs[4], "data": packs[4]["data"][:100]}
    table = table.set_column(table.column_names.index("frames"), "frames", pa.array(packs, table["frames"].type))
    pq.write_table(table, path)
    words = ["train", "student", path, "--from", start, "--out", tmp_path / "out", "--steps", 6, "--batch-size", 8]
    words += ["--held-out", 0.3, "--workers", 1, "--num-frames", 4, "--save-every", 3, "--learning-rate", 1e-2]
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 0, result.output + str(result.exception)
    assert "held-out clips without text: loss" in result.output and "cider" in result.output
    notes = [json.loads(line) for line in (tmp_path / "out" / "skipped.jsonl").read_text().splitlines()]
    assert {note["clip_id"] for note in notes} == {"v2.0"} and "frame pack" in notes[0]["reason"]
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["clips_skipped"] == 1 and record["command"].startswith("panda-hf")
    rows = list(csv.DictReader((tmp_path / "out" / "curves.csv").open()))
    assert [row["step"] for row in rows if row["eval_text_rouge_l"]] == ["0", "3", "6"]
    again = CliRunner().invoke(app, list(map(str, words)))
    assert again.exit_code == 1 and "finished student" in again.stderr


def test_captions_are_scored_as_an_evaluation_does() -> None:
    score = scorer_of("bleu, rouge_l")
    found = score(["a red ball rolls away", "a cube"], ["a red ball rolls away", "a green ring"])
    assert found["rouge_l"] == pytest.approx((1 + 0.38) / 2, abs=0.03)
    assert score(["a b c d"], ["a b c d"])["bleu_4"] == pytest.approx(1)
    assert scorer_of("none") is None
    with pytest.raises(SourceError, match="clip_score"):
        scorer_of("clip_score")


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(steady: Path, tmp_path: Path) -> None:
    path = write_clips(tmp_path / "clips.parquet", 16)
    common = ["-m", "panda_hf", "train", "student", path, "--from", steady, "--steps", 3, "--batch-size", 4]
    common += ["--held-out", 0.2, "--num-frames", 4, "--learning-rate", 1e-2, "--metrics", "none", "--save-every", 1]
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", 2, "--master_port", 29631]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    for name, words in (("one", common), ("two", [*launch, *common])):
        command = [sys.executable, *map(str, words), "--out", str(tmp_path / name)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("wrote") == 1
    losses = [
        [float(row["eval_text_loss"]) for row in csv.DictReader((tmp_path / name / "curves.csv").open())]
        for name in ("one", "two")
    ]
    assert len(losses[0]) == 4 and losses[0] == pytest.approx(losses[1], rel=1e-3)
    before, one, two = weights(steady), weights(tmp_path / "one"), weights(tmp_path / "two")
    # single weights whose gradient is rounding go either way in AdamW; the whole step must not
    steps = [torch.cat([(after[name] - before[name]).flatten() for name in before]) for after in (one, two)]
    assert float(torch.cosine_similarity(*steps, dim=0)) > 0.9
