from __future__ import annotations

import subprocess
import sys
import weakref

from datasets import Dataset, Features, Value

from panda_hf.models.release import kept, release_models
from panda_hf.pipeline import run_steps
from panda_hf.stage import Stage

LIVING: weakref.WeakSet = weakref.WeakSet()
SIDE_BY_SIDE: list[int] = []


class Weights:
    """Stands for a model: it is known how many live."""

    def __init__(self) -> None:
        self.itself = self  # as models do, by hooks and caches; only the garbage collector finds those
        LIVING.add(self)


@kept
def load(name: str) -> Weights:
    """One set of weights per name."""
    return Weights()


class Large(Stage):
    """Uses a model of its name."""

    @property
    def reads(self) -> tuple[str, ...]:
        return ("x",)

    @property
    def appends(self) -> Features:
        return Features({type(self).__name__: Value("int64")})

    def transform(self, batch, rank):
        load(type(self).__name__)
        SIDE_BY_SIDE.append(len(LIVING))
        return {type(self).__name__: batch["x"]}


class Second(Large):
    """Another model."""


def test_a_model_is_loaded_once_and_released_with_all_that_refers_to_it():
    first = weakref.ref(load("a"))
    assert load("a") is first()
    release_models()
    assert first() is None
    assert load("a") is not None


def test_models_follow_one_another_in_an_eager_run():
    release_models()
    SIDE_BY_SIDE.clear()
    done = run_steps(Dataset.from_dict({"x": [1, 2, 3]}), [Large(), Second(), Large(version=2)], batch_size=1)
    assert done["Second"][:] == [1, 2, 3]
    assert SIDE_BY_SIDE == [1] * 9


def test_releasing_needs_no_torch():
    script = "import sys; from panda_hf.models import release as r; r.release_models(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
