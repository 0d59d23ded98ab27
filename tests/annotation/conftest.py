"""A curated folder that tests read and do not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.annotation.curated import curated


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of three videos with eight captions each."""
    return curated(tmp_path_factory.mktemp("curated"))
