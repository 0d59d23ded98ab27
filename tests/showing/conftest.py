"""A film of the miniature, decoding processes that tests share, and the small cast that captions quickly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film
from panda_hf.showing.cast import Cast, Choices
from panda_hf.showing.desk import Desk
from panda_hf.showing.limits import Limits


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes with their cuts."""
    return write_film(make_film(3, "test", 3), tmp_path_factory.mktemp("film"))


@pytest.fixture(scope="session")
def choices() -> Choices:
    """Two teachers, of whom one reads, and no student."""
    return Choices.from_environment({"PANDA_TEACHERS": "mini_text,mini_image", "PANDA_STUDENT": "none"})


@pytest.fixture(scope="session")
def cast(choices: Choices) -> Cast:
    return choices.default


@pytest.fixture(scope="session")
def desk(choices: Choices) -> Iterator[Desk]:
    desk = Desk.open(choices, Limits(max_megabytes=5, max_seconds=60.0, max_clip_seconds=40.0))
    yield desk
    desk.visits.close()
