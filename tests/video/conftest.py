"""Films are encoded once per test run and shared."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.video.films import write_film

FilmMaker = Callable[..., Path]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> FilmMaker:
    """``film(name, **settings)``: a film made by ``write_film``, once for equal settings; never change the file."""
    folder = tmp_path_factory.mktemp("films")

    def make(name: str, count: int = 60, **settings: object) -> Path:
        path = folder / f"{zlib.crc32(repr((count, settings)).encode()):08x}" / name
        path.parent.mkdir(exist_ok=True)
        return path if path.exists() else write_film(path, count, **settings)

    return make
