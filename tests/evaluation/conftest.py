"""A small benchmark that several tests of evaluation use."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.mini.benchmark import write_benchmark


@pytest.fixture(scope="session")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips of one film with 20 references each."""
    out = tmp_path_factory.mktemp("benchmark") / "mini"
    write_benchmark(out, 1)
    return out
