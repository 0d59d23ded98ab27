"""Films are encoded once per test run and shared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.video.films import write_film

FilmMaker = Callable[..., Path]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> FilmMaker:
    """``film(name, **settings)``: the path of a film made by ``write_film``; never change the file."""
    folder = tmp_path_factory.mktemp("films")

    def make(name: str, count: int = 60, **settings: object) -> Path:
        path = folder / name
        return path if path.exists() else write_film(path, count, **settings)

    return make
