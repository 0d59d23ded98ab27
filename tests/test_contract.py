"""The contract that every stage of the project keeps, whatever it does."""

from __future__ import annotations

import dataclasses
import multiprocessing
import pickle
from pathlib import Path

import pytest
from datasets import Dataset, Features
from datasets.fingerprint import Hasher

import panda_hf.pipeline  # noqa: F401  so that every stage class is defined
import panda_hf.rights.harmful
import panda_hf.rights.redact  # noqa: F401
from panda_hf.errors import ContractError, MissingColumnError
from panda_hf.stage import Failure, Stage, apply
from panda_hf.video import FrameReader
from tests.stages import Case, all_cases, write_film

NAMES = (
    "Split",
    "DetectShots",
    "SampleFrames",
    "MeasureFrames",
    "DesirableFiltering",
    "MaxRunningLPIPS",
    "Caption",
    "Describe",
    "Select",
    "Redact",
    "MarkHarmful",
    "Cut",
)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return all_cases(write_film(tmp_path_factory.mktemp("films") / "squares.mp4"))


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


def dataset_of(case: Case, rows: list | None = None) -> Dataset:
    return Dataset.from_list(case.rows if rows is None else rows, features=Features(case.features))


def subclasses(cls: type) -> set[type]:
    return {cls}.union(*(subclasses(sub) for sub in cls.__subclasses__()))


def test_no_stage_of_the_project_is_left_out(cases: dict[str, Case]) -> None:
    known = {cls for cls in subclasses(Stage) - {Stage} if cls.__module__.startswith("panda_hf.")}
    own = {cls.__name__ for cls in known if not cls.__module__.startswith("panda_hf.showing.")}  # stand-ins of these
    assert own == set(cases) == set(NAMES)


def test_the_hash_survives_use_and_pickling(case: Case) -> None:
    before = Hasher.hash(case.stage)
    apply(dataset_of(case), case.stage)
    assert Hasher.hash(case.stage) == before
    assert Hasher.hash(pickle.loads(pickle.dumps(case.stage))) == before


def test_another_version_has_another_hash(case: Case) -> None:
    assert Hasher.hash(dataclasses.replace(case.stage, version=10**6)) != Hasher.hash(case.stage)


def test_streaming_equals_eager(case: Case) -> None:
    eager = apply(dataset_of(case), case.stage)
    streamed = apply(dataset_of(case).to_iterable_dataset(), case.stage)
    assert list(streamed) == list(eager)


def test_it_appends_exactly_what_it_declares(case: Case) -> None:
    dataset = dataset_of(case)
    out = apply(dataset, case.stage)
    assert set(out.features) - set(dataset.features) == (set(case.stage.appends) | {"error"}) - set(dataset.features)
    assert {c: out.features[c] for c in case.stage.appends} == dict(case.stage.appends)
    assert len(out) == len(dataset)
    assert out["error"][:] == [None] * len(dataset)


def test_plain_map_gives_the_same_rows(case: Case) -> None:
    dataset = dataset_of(case)
    features = Features({**apply(dataset, case.stage).features})
    assert list(dataset.map(case.stage, batched=True, features=features)) == list(apply(dataset, case.stage))


def test_a_missing_column_is_named_before_any_work(case: Case) -> None:
    for column in case.stage.reads:
        with pytest.raises(MissingColumnError, match=column):
            apply(dataset_of(case).remove_columns(column), case.stage)


def test_rows_with_none_or_an_error_pass_through(case: Case) -> None:
    column = (case.stage.reads or case.stage.uses)[-1]
    failed = {"stage": "Earlier", "type": "ValueError", "message": "it was like this"}
    rows = [{**case.rows[0], "error": None}, {**case.rows[1], column: None, "error": None}]
    rows.append({**case.rows[2], "error": failed})
    features = Features({**case.features, "error": apply(dataset_of(case), case.stage).features["error"]})
    out = apply(Dataset.from_list(rows, features=features), case.stage)
    if case.stage.reads:
        assert all(out[1][c] is None and out[2][c] is None for c in case.stage.appends)
    assert all(out[2][c] == rows[2].get(c) for c in case.stage.appends)
    assert out["error"][:] == [None, None, failed]
    assert out[0] == apply(dataset_of(case), case.stage)[0] | {"error": None}


def test_a_row_does_not_depend_on_its_batch_mates(case: Case) -> None:
    together = apply(dataset_of(case), case.stage, batch_size=3)
    alone = apply(dataset_of(case), case.stage, batch_size=1)
    for column in case.stage.appends:
        assert _rounded(together[column][:]) == _rounded(alone[column][:])


def _ways(name: str) -> list:
    """Fresh processes load everything anew, which takes long: by default one stage shows that they can."""
    marks = () if name == "Caption" else pytest.mark.slow
    return [pytest.param(name, "fork"), pytest.param(name, "spawn", marks=marks)]


@pytest.mark.parametrize(("name", "method"), [way for name in NAMES for way in _ways(name)])
def test_it_works_in_worker_processes(
    name: str, method: str, cases: dict[str, Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = cases[name]
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    import datasets.arrow_dataset as arrow_dataset
    import multiprocess

    expected = list(apply(dataset_of(case), case.stage))
    monkeypatch.setattr(arrow_dataset, "mp", multiprocess.get_context(method))
    out = dataset_of(case).map(
        case.stage,
        batched=True,
        num_proc=2,
        with_rank=True,
        load_from_cache_file=False,
        features=apply(dataset_of(case), case.stage).features,
    )
    assert _rounded(list(out)) == _rounded(expected)


def _rounded(value):
    """Floats rounded to 5 places: another batch size may change the last bits of a matrix product."""
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doubles(Stage):
    """A stage for these tests, which can be told to break its word."""

    forget: bool = False
    lose_a_row: bool = False

    @property
    def reads(self):
        return ("x",)

    @property
    def appends(self):
        from datasets import Value

        return Features({"doubled": Value("int64")})

    def transform(self, batch, rank):
        values = [Failure("ValueError", "three is too much") if x == 3 else 2 * x for x in batch["x"]]
        if self.lose_a_row:
            values = values[:-1]
        return {} if self.forget else {"doubled": values}


def test_a_forgotten_column_is_a_contract_error() -> None:
    with pytest.raises(ContractError, match="doubled"):
        Doubles(forget=True)({"x": [1, 2]})


def test_a_lost_row_is_a_contract_error() -> None:
    with pytest.raises(ContractError, match="1 values .* 2 rows"):
        Doubles(lose_a_row=True)({"x": [1, 2]})


def test_a_failed_row_stays_a_row_and_says_why() -> None:
    out = apply(Dataset.from_dict({"x": [1, 3, 5]}), Doubles())
    assert out["doubled"][:] == [2, None, 10]
    assert out["error"][1] == {"stage": "Doubles", "type": "ValueError", "message": "three is too much"}


def test_a_failed_row_meets_no_later_stage() -> None:
    once = apply(Dataset.from_dict({"x": [3]}), Doubles())
    again = apply(once.rename_column("doubled", "first"), Doubles())
    assert again["error"][0]["message"] == "three is too much"


def test_the_contract_film_is_a_real_video(tmp_path: Path) -> None:
    with FrameReader(write_film(tmp_path / "film.mp4", shots=1, seconds=1.0)) as reader:
        assert len(list(reader)) == 12
