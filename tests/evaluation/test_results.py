from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from panda_hf.errors import OutputError, SourceError
from panda_hf.evaluation.results import Benchmark, Evaluation, Score, read_results, write_results
from panda_hf.evaluation.tables import as_table

ON = Benchmark(name="msrvtt", config="full", split="test", videos=2990, references=59800)


def evaluation(model: str, cider: float) -> Evaluation:
    scores = {
        "cider": Score(value=cider, low=cider - 0.01, high=cider + 0.02),
        "meteor": Score(value=0.2, variant="x"),
    }
    return Evaluation(model=model, task="video-captioning", benchmark=ON, scores=scores, missing=3)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    both = [evaluation("a", 0.5), evaluation("b", 0.4)]
    write_results(both, tmp_path / "out")
    assert read_results(tmp_path / "out") == read_results(tmp_path / "out" / "results.json") == both


def test_the_model_index_is_one_that_the_hub_reads(tmp_path: Path) -> None:
    write_results([evaluation("a", 0.5)], tmp_path)
    index = yaml.safe_load((tmp_path / "model-index.yml").read_text())["model-index"]
    name, results = model_index_to_eval_results(index)
    assert name == "a"
    assert [(r.metric_type, r.metric_value, r.dataset_config, r.dataset_split) for r in results] == [
        ("cider", 0.5, "full", "test"),
        ("meteor", 0.2, "full", "test"),
    ]
    card = ModelCard(f"---\n{(tmp_path / 'model-index.yml').read_text()}---\n# a\n")
    assert card.data.eval_results and card.data.eval_results[0].metric_args == {"low_95": 0.49, "high_95": 0.52}


def test_each_of_several_models_has_an_index_for_its_own_card(tmp_path: Path) -> None:
    models = ["mini/image", "own model", "x" * 200, "own-model"]
    written = write_results([evaluation(model, 0.5) for model in models], tmp_path)
    indices = [path for path in written if path.name.startswith("model-index.") and path.name != "model-index.yml"]
    assert len(indices) == len(set(indices)) == 4
    names = [model_index_to_eval_results(yaml.safe_load(path.read_text())["model-index"])[0] for path in indices]
    assert names == models
    whole = yaml.safe_load((tmp_path / "model-index.yml").read_text())["model-index"]
    assert [one["name"] for one in whole] == models


def test_the_files_of_an_earlier_evaluation_give_way_and_those_of_others_stay(tmp_path: Path) -> None:
    write_results([evaluation("a", 0.5), evaluation("b", 0.4)], tmp_path)
    (tmp_path / "model-index.mine.yml").write_text("mine")
    assert (tmp_path / "model-index.b.yml").exists()
    write_results([evaluation("a", 0.5)], tmp_path)
    assert {path.name for path in tmp_path.glob("*.yml")} == {"model-index.yml", "model-index.mine.yml"}
    (tmp_path / "results.json").write_text('{"my": "thesis"}')
    with pytest.raises(OutputError, match="results.json is there already and is not of an evaluation"):
        write_results([evaluation("a", 0.5)], tmp_path)
    assert (tmp_path / "results.json").read_text() == '{"my": "thesis"}'


def test_the_hub_writes_back_the_card_that_it_read(tmp_path: Path) -> None:
    write_results([evaluation("a: #1", 0.5)], tmp_path)
    card = ModelCard(f"---\n{(tmp_path / 'model-index.yml').read_text()}---\n# a\n")
    again = ModelCard(str(card))
    assert again.data.model_name == "a: #1"
    assert again.data.eval_results == card.data.eval_results and len(card.data.eval_results or []) == 2


def test_ranks_are_not_printed_in_percent() -> None:
    ranks = {"t2v_median_rank": Score(value=16.5, printed=1.0)}
    one = Evaluation(model="a", task="video-text-retrieval", benchmark=ON, scores=ranks)
    assert "16.50" in as_table([one]) and "1650" not in as_table([one])


def test_a_name_cannot_break_the_table() -> None:
    lines = as_table([evaluation("a | b\n\x1b[31mred", 0.5)]).splitlines()
    assert len(lines) == 3 and "\x1b" not in lines[2] and lines[2].count("|") == lines[0].count("|")


def test_the_table_prints_percent_with_intervals() -> None:
    table = as_table([evaluation("a", 0.5), evaluation("long name", 0.25)])
    assert "| a         |  20.00 | 50.00 [49.0, 52.0] |" in table.splitlines()
    assert len({len(line) for line in table.splitlines()}) == 1


def test_another_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"cider": 1}')
    with pytest.raises(SourceError, match="results.json"):
        read_results(tmp_path)
