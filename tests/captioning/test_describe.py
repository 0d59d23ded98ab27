"""The stage of the student, the one line from a file to a caption, and the commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from panda_hf import describe
from panda_hf.captioning import Caption, Describe, SampleFrames
from panda_hf.captioning.registry import Decoding
from panda_hf.captioning.teachers.student import BeamSampling
from panda_hf.cli import app
from panda_hf.describing import clip_of, describe_rows
from panda_hf.errors import CheckpointError, VideoError
from panda_hf.evaluation.sources import captioner_of
from tests.models import student_sizes
from tests.stages import write_film


@pytest.fixture(scope="module")
def student(tmp_path_factory) -> str:
    """A student of random weights that comes to an end: a third of its words may be the last."""
    folder = tmp_path_factory.mktemp("student")
    model, processor = student_sizes.tiny_model(5), student_sizes.tiny_processor()
    words = range(10, len(processor.tokenizer))
    model.generation_config.eos_token_id = [processor.tokenizer.eos_token_id, *words[::3]]
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    paths = [write_film(folder / f"film{i}.mp4", shots=1 + i, seconds=2.0) for i in range(3)]
    (folder / "film1.json").write_text(json.dumps({"title": "a large blue ball", "description": "it rolls"}))
    (folder / "film1.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nlook at the red square\n")
    return paths


def rows_of(films: list[Path]) -> list[dict]:
    return [clip_of(film) for film in films]


def captions(rows: list[dict], stage: Describe) -> list[str | None]:
    return [row["student_caption"] for row in describe_rows(rows, stage)]


def test_a_student_captions_clips_into_its_own_column(student, films):
    done = list(describe_rows(rows_of(films), Describe(checkpoint=student)))
    assert [row["clip_id"] for row in done] == ["film0.0", "film1.0", "film2.0"]
    assert all(row["student_caption"] for row in done) and all(row["caption_errors"] == [] for row in done)
    assert "caption_student" not in done[0] and "frames" not in done[0]


def test_it_reads_what_lies_beside_a_video_unless_told_not_to(student, films):
    told, untold = (captions(rows_of(films), Describe(checkpoint=student, text=text)) for text in (True, False))
    assert told[1] != untold[1] and (told[0], told[2]) == (untold[0], untold[2])
    bare = {**clip_of(films[1]), "title": None, "description": None, "subtitle": None}
    assert captions([bare], Describe(checkpoint=student)) == [untold[1]]
    row = clip_of(films[1], end=1.0)
    assert (row["title"], row["subtitle"], row["end"]) == ("a large blue ball", "look at the red square", 1.0)
    assert clip_of(films[1], start=1.6)["subtitle"] is None


def test_a_clip_behind_the_end_of_its_video_is_refused(films):
    with pytest.raises(VideoError, match=r"it shows nothing at 10000 s"):
        clip_of(films[1], start=10_000, end=20_000)


@pytest.mark.parametrize(
    "drawn", [{"sample": True, "temperature": 1.5}, {"inference": "official", "max_new_tokens": 12}]
)
def test_draws_depend_on_seed_and_clip_alone(student, films, drawn):
    rows = rows_of(films)
    stage = Describe(checkpoint=student, seed=1, **drawn)
    together = captions(rows, stage)
    assert captions(rows[::-1], replace(stage, model_batch_size=1))[::-1] == together
    assert captions(rows[1:2], stage) == together[1:2]
    assert captions(rows, replace(stage, seed=2)) != together


def test_the_official_inference_is_that_of_the_official_script(student, films):
    decoding = Describe(checkpoint=student, inference="official", seed=4).card().decoding
    assert decoding == BeamSampling(seed=4) and isinstance(decoding, Decoding)
    official = (decoding.num_beams, decoding.sample, decoding.temperature, decoding.top_p)
    assert official == (3, True, 1.5, 0.9)
    assert (decoding.max_new_tokens, decoding.min_new_tokens, decoding.repetition_penalty) == (300, 1, 1.0)
    for caption in captions(rows_of(films[:1]), Describe(checkpoint=student, inference="official")):
        assert caption is None or (caption[0].isupper() and caption[1:] == caption[1:].lower() and caption[-1] == ".")
    assert Describe(checkpoint=student, inference="official", max_new_tokens=20).card().decoding.max_new_tokens == 20
    with pytest.raises(ValueError, match="temperature=-1"):
        Describe(checkpoint=student, inference="official", temperature=-1.0)
    with pytest.raises(ValueError, match="'greedy' or 'official'"):
        Describe(inference="theirs")  # type: ignore[arg-type]


def test_a_student_is_a_teacher_too_and_evaluation_knows_it(student, films):
    batch = {column: [row[column] for row in rows_of(films)] for column in rows_of(films)[0]}
    batch |= SampleFrames()(batch)
    teacher = Caption(teacher="mine", family="student", checkpoint=student, sees=("video", "text"))
    assert teacher(batch)["caption_mine"] == captions(rows_of(films), Describe(checkpoint=student))
    assert captioner_of(student).stages[0].family == "student"


def test_a_student_that_says_nothing_leaves_the_reason(tmp_path, films):
    """Of random weights and without an end it never comes to the end of a sentence."""
    folder = str(student_sizes.save(tmp_path))
    (row,) = describe_rows(rows_of(films[:1]), Describe(checkpoint=folder, max_new_tokens=3))
    assert row["student_caption"] is None and row["error"] is None
    assert [note["teacher"] for note in row["caption_errors"]] == ["student"]


def test_what_is_recorded_of_a_run_names_checkpoint_and_inference(student):
    record = Describe(checkpoint=student, text=False).provenance()
    assert (record["checkpoint"], record["sees"], record["inference"]) == (student, ["video"], "greedy")
    with pytest.raises(CheckpointError, match="no config.json"):
        Describe(checkpoint=str(Path(student).parent)).check()


# --- one line, one command ----------------------------------------------------------------------------------------


def test_one_line_captions_a_file(student, films):
    whole = captions(rows_of(films[:1]), Describe(checkpoint=student))
    assert describe(films[0], checkpoint=student) == whole[0]
    assert describe(films[1], checkpoint=student, text=False) != describe(films[1], checkpoint=student)
    with pytest.raises(VideoError):
        describe(films[1].with_suffix(".json"), checkpoint=student)


def run(*arguments: object):
    return CliRunner().invoke(app, ["caption", *map(str, arguments)])


def test_the_command_prints_a_line_for_each_video_and_fails_for_a_broken_one(student, films):
    expected = captions(rows_of(films), Describe(checkpoint=student))
    done = run(*films, "--student", student)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [f"{film}: {said}" for film, said in zip(films, expected, strict=True)]
    broken = run(films[0], films[1].with_suffix(".json"), "--student", student, "--json")
    assert broken.exit_code == 1 and broken.stderr.count("film1.json") == 1
    assert json.loads(broken.stdout) == {"video": str(films[0]), "student_caption": expected[0]}
    assert run(films[1], "--student", student, "--no-text").stdout != done.stdout.splitlines()[1] + "\n"


def test_the_command_captions_the_clips_of_a_video(student, tmp_path):
    film = write_film(tmp_path / "long.mp4", shots=2, seconds=5.0)
    done = run(film, "--clips", "--student", student, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0, done.output
    assert found and all(one["end"] - one["start"] < 5.1 and one["end"] < 10.1 for one in found)


def test_a_student_that_is_not_there_is_told_in_one_line(films):
    gone = CliRunner().invoke(app, ["caption", str(films[0]), "--student", "./nowhere"])
    assert gone.exit_code == 1 and "nowhere" in gone.stderr and "Traceback" not in gone.output
