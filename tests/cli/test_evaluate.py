"""`panda-hf evaluate` as a user meets it: tables, files, errors, hostile captions, a rerun."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from typer.testing import CliRunner, Result

from panda_hf.cli import app
from panda_hf.corpora import CorpusSummary, Entry, write_corpus
from panda_hf.errors import SourceError

pytest.importorskip("evaluate")

runner = CliRunner()
CAPTIONS = {
    "v1": ("a man plays the guitar", "a man is playing music", "someone plays a guitar"),
    "v2": ("two dogs run in a park", "dogs are running"),
    "v3": ("a woman cooks soup", "a woman is cooking in a kitchen"),
    "v4": ("a red car drives fast", "a car is driving on a road"),
}
GOOD = {name: said[0] for name, said in CAPTIONS.items()}
HOSTILE = '<img src=x onerror="alert(1)"> \x1b[31mred\x1b[0m \u202eevil'


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("corpus") / "tiny-vtt", CAPTIONS)


def corpus(folder: Path, captions: dict[str, tuple[str, ...]]) -> Path:
    """A benchmark without videos."""

    def card(done: CorpusSummary) -> str:
        config = {"config_name": "full", "data_files": [{"split": "test", "path": "full/test.parquet"}]}
        return f"---\n{yaml.safe_dump({'configs': [config]})}---\n"

    entries = [Entry(video_id=name, captions=said) for name, said in captions.items()]
    write_corpus({"full": {"test": entries}}, folder, card=card)
    return folder


def predictions(path: Path, captions: object) -> Path:
    path.write_text(json.dumps(captions), encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return runner.invoke(app, ["evaluate", *map(str, arguments)])


def error_of(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert result.stderr.count("Error:") == 1 and "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("command", ["evaluate captioning", "evaluate retrieval", "mini table3"])
def test_each_command_has_help_that_loads_nothing_heavy(command: str) -> None:
    code = (
        f"import atexit, sys; atexit.register(lambda: print('\\n', *sys.modules)); "
        f"sys.argv = ['panda-hf', *{command.split()!r}, '--help']; from panda_hf.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"Usage: panda-hf {command}" in done.stdout
    assert not {"torch", "datasets", "transformers", "evaluate", "numpy"} & set(done.stdout.splitlines()[-1].split())


def test_a_file_of_predictions_becomes_a_table_and_results_for_the_hub(dataset: Path, tmp_path: Path) -> None:
    file = predictions(tmp_path / "ours.json", {f"{name}.mp4": said for name, said in GOOD.items()})
    result = run(
        "captioning", "-d", dataset, "--predictions", file, "--out", tmp_path / "out", "--metrics", "rouge_l,bleu"
    )
    assert result.exit_code == 0, result.output
    assert "tiny-vtt, full/test: 4 videos, 9 references" in result.stdout
    row = next(line for line in result.stdout.splitlines() if line.startswith("| ours "))
    assert row.count("100.00") == 2  # every prediction is a reference
    card = ModelCard(f"---\n{(tmp_path / 'out' / 'model-index.yml').read_text()}---\n")
    assert {(one.metric_type, one.dataset_name, one.dataset_split) for one in card.data.eval_results or []} == {
        (metric, "tiny-vtt", "test") for metric in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l")
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "results.json", "model-index.yml", "scores.png", "samples.html",
    }  # fmt: skip
    assert str(tmp_path) not in "".join(
        (tmp_path / "out" / name).read_text() for name in ("results.json", "samples.html")
    )


def test_a_missing_prediction_is_an_error_that_names_it_or_counted(dataset: Path, tmp_path: Path) -> None:
    file = predictions(tmp_path / "p.json", {"v1": GOOD["v1"], "v3": GOOD["v3"], "v4": GOOD["v4"], "v9": "x"})
    command = ("captioning", "-d", dataset, "--predictions", file, "-o", tmp_path / "out", "--metrics", "rouge_l")
    said = error_of(run(*command))
    assert "1 of 4 videos have no prediction, such as 'v2'" in said and "--missing empty" in said
    assert not (tmp_path / "out").exists()
    result = run(*command, "--missing", "empty")
    assert result.exit_code == 0 and "75.00" in result.stdout  # three of four are perfect
    assert "p: 1 of 4 videos have no prediction and are scored as empty" in result.stderr
    assert "p: 1 predictions are of videos that are not in the benchmark" in result.stderr
    held = json.loads((tmp_path / "out" / "results.json").read_text())["evaluations"][0]
    assert (held["missing"], held["unused"]) == (1, 1)


def test_two_captions_of_one_id_are_an_error(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"v1": "a", "v1": "b"}')
    assert "'v1' has two captions" in error_of(run("captioning", "-d", dataset, "--predictions", tmp_path / "p.json"))


def test_models_are_compared_and_seeds_spread(dataset: Path, tmp_path: Path) -> None:
    half = {**GOOD, "v1": "nothing like it", "v2": "nothing like it"}
    given = (("bad", dict.fromkeys(GOOD, "nothing like it")), ("drawn", GOOD), ("drawn", half))
    files = [f"{name}={predictions(tmp_path / f'{i}.json', said)}" for i, (name, said) in enumerate(given)]
    several = [part for file in files for part in ("--predictions", file)]
    result = run("captioning", "-d", dataset, "-o", tmp_path / "out", "--metrics", "rouge_l", *several)
    assert result.exit_code == 0, result.output
    held = json.loads((tmp_path / "out" / "results.json").read_text())
    bad_score, drawn = (one["scores"]["rouge_l"] for one in held["evaluations"])
    assert bad_score["value"] == 0.0 and bad_score["spread"] is None
    assert drawn["value"] == pytest.approx(0.75) and drawn["spread"] == pytest.approx(0.25 * 2**0.5)
    assert "75.00 ± 35.36" in result.stdout
    (difference,) = held["differences"]
    assert difference["difference"] == pytest.approx(-0.75)
    assert "bad − drawn" in result.stdout and "-75.00 [" in result.stdout


def test_of_one_video_no_interval_is_promised_and_a_cider_of_0_is_explained(tmp_path: Path) -> None:
    one = corpus(tmp_path / "single", {"v1": CAPTIONS["v1"]})
    file = predictions(tmp_path / "p.json", GOOD)
    result = run("captioning", "-d", one, "--predictions", file, "-o", tmp_path / "out", "--metrics", "cider,rouge_l")
    assert result.exit_code == 0, result.output
    assert "Times 100." in result.stdout and "in brackets" not in result.stdout and "±" not in result.stdout
    assert "with one video there are no intervals, and CIDEr is 0 whatever the caption" in result.stderr
    assert "in brackets" not in (tmp_path / "out" / "samples.html").read_text()


def test_settings_of_sampling_reach_the_captioner(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def note(given: str, **settings: object) -> None:
        asked.update(settings, given=given)
        raise SourceError("seen")

    monkeypatch.setattr("panda_hf.evaluation.sources.captioner_of", note)
    command = ("captioning", "-d", dataset, "--model", "m", "--seeds", "3,1", "--batch-size", "5")
    assert "seen" in error_of(run(*command, "--temperature", "0.7", "--top-p", "0.8"))
    assert asked == {"given": "m", "seeds": (3, 1), "temperature": 0.7, "top_p": 0.8, "batch_size": 5}


def test_hostile_captions_stay_text_in_page_and_terminal(dataset: Path, tmp_path: Path) -> None:
    file = predictions(tmp_path / "p.json", {**GOOD, "v1": HOSTILE})
    result = run("captioning", "-d", dataset, "--predictions", f"<b>|\x1b[31m={file}", "-o", tmp_path / "out",
                 "--metrics", "rouge_l")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output and "\u202e" not in result.output
    page = (tmp_path / "out" / "samples.html").read_text()
    assert "<img src=x" not in page and "&lt;img src=x" in page
    assert "\x1b" not in page and "\u202e" not in page
    missing = predictions(tmp_path / "m.json", {"v1": "a", "\x1b[31m": "b"})
    assert "\x1b" not in run("captioning", "-d", dataset, "--predictions", missing).output


def test_wrong_questions_are_one_line(dataset: Path, tmp_path: Path) -> None:
    file = predictions(tmp_path / "p.json", GOOD)
    ask = ("captioning", "-d", dataset)
    assert "give --predictions FILE or --model MODEL" in error_of(run(*ask))
    assert "there is no metric ['spice']" in error_of(run(*ask, "--predictions", file, "--metrics", "spice"))
    assert "expected different whole numbers" in error_of(run(*ask, "--model", "m", "--seeds", "0,x"))
    assert "--seeds draws captions of a --model" in error_of(run(*ask, "--predictions", file, "--seeds", "0,1"))
    assert "NAME=p" in error_of(run(*ask, "--predictions", file, "--predictions", file))
    assert "none of the benchmark's rows has a readable video" in error_of(
        run(*ask, "--model", "mini/image", "-o", tmp_path / "out")
    )
    assert "cannot load split 'train'" in error_of(run(*ask, "--predictions", file, "--split", "train"))


def test_a_place_that_cannot_take_results_is_refused_before_any_work(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "results.json").write_text("[]")
    (tmp_path / "picture").mkdir()
    (tmp_path / "picture" / "scores.png").write_text("x")
    for out, said in (
        ("file", "is a file; give another --out"),
        ("file/under", "is a file; give another --out"),
        ("theirs", "is not of an evaluation; give another --out"),
        ("picture", "is not of an evaluation; give another --out"),
    ):
        for command in (["captioning", "-d", "nothing/there"], ["retrieval", "-d", "nothing/there"]):
            assert said in error_of(run(*command, "-o", tmp_path / out))
    table = runner.invoke(app, ["mini", "table3", "--out", str(tmp_path / "file")])
    assert "is a file" in error_of(table)
    assert (tmp_path / "theirs" / "results.json").read_text() == "[]"
    assert (tmp_path / "picture" / "scores.png").read_text() == "x"


def test_retrieval_tells_the_protocol_and_the_tie_rule(dataset: Path, tmp_path: Path) -> None:
    owners = [0, 0, 0, 1, 1, 2, 2, 3, 3]
    similarity = np.zeros((9, 4), dtype=np.float32)
    similarity[np.arange(9), owners] = 1.0
    np.save(tmp_path / "perfect.npy", similarity)
    np.savez(tmp_path / "flat.npz", other=similarity[:2], all=np.zeros((4, 9), dtype=np.float32))
    ask = ("retrieval", "-d", dataset, "-o", tmp_path / "out")
    result = run(*ask, "--similarity", tmp_path / "perfect.npy")
    assert result.exit_code == 0, result.output
    assert "9 texts, 4 videos (every caption asks for its video" in result.stdout
    assert "Ties: a tied video takes the mean of the tied places" in result.stdout
    index = yaml.safe_load((tmp_path / "out" / "model-index.yml").read_text())["model-index"]
    _, results = model_index_to_eval_results(index)
    found = {one.metric_type: one.metric_value for one in results}
    assert found["t2v_R@1"] == found["v2t_R@1"] == found["v2t_median_rank"] == 1.0
    assert {one.task_type for one in results} == {"video-text-retrieval"}
    flat = run(
        *ask, "--similarity", f"flat={tmp_path / 'flat.npz'}", "--key", "all", "--transpose", "--ties", "optimistic"
    )
    assert flat.exit_code == 0 and "queries are tied" in flat.stderr and "100.00" in flat.stdout
    assert "asks for 9 texts x 4 videos" in error_of(
        run(*ask, "--similarity", tmp_path / "flat.npz", "--key", "other")
    )


def test_video_to_text_ranks_among_all_texts_or_among_the_best_of_each_video(dataset: Path, tmp_path: Path) -> None:
    similarity = np.zeros((9, 4), dtype=np.float32)
    similarity[np.arange(9), [0, 0, 0, 1, 1, 2, 2, 3, 3]] = 0.8
    similarity[3:5, 0] = 0.9  # both texts of the second video are nearer to the first than its own
    np.save(tmp_path / "s.npy", similarity)
    ask = ("retrieval", "-d", dataset, "-o", tmp_path / "out", "--similarity", tmp_path / "s.npy")
    for rule, mean_rank, said in (
        ("captions", (3 + 1 + 1 + 1) / 4, "among all texts of other videos"),
        ("videos", (2 + 1 + 1 + 1) / 4, "among the best text of each other video (CLIP4Clip)"),
    ):
        result = run(*ask, *(() if rule == "captions" else ("--video-to-text", rule)))
        assert result.exit_code == 0, result.output
        assert f"V2T: a video's best text is ranked {said}." in result.stdout
        (one,) = json.loads((tmp_path / "out" / "results.json").read_text())["evaluations"]
        assert one["scores"]["v2t_mean_rank"]["value"] == mean_rank
        assert one["settings"]["video_to_text"] == rule


def test_table_3_of_the_miniature_is_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("panda_hf.captioning.registry.teachers_of", lambda which: ("mini_image", "mini_video"))
    command = ["mini", "table3", "--films", "1", "--out", str(tmp_path / "t3"), "--samples", "1"]
    result = runner.invoke(app, command)
    assert result.exit_code == 0, result.output
    rows = [line.split("|")[1].strip() for line in result.stdout.splitlines() if line.startswith("| ")]
    assert {"mini_image", "mini_video", "selector's choice", "mini/student"} < set(rows)
    assert "BERTScore is left out: no encoder" in result.stdout
    kept = {path.name for path in (tmp_path / "t3" / "predictions").iterdir()}
    assert len(kept) == 4
    again = runner.invoke(app, command)
    assert again.exit_code == 0 and "cutting" in result.stdout and "cutting" not in again.stdout
    table = [line for line in result.stdout.splitlines() if line.startswith("|")]
    assert [line for line in again.stdout.splitlines() if line.startswith("|")] == table
