"""Fixtures of all tests, and the settings that keep a test run off the network."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    # Each worker takes its share of the cores: libraries look when they are loaded, and child processes inherit it.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // workers)))

import pytest  # noqa: E402

import panda_hf  # noqa: E402, F401  its torchvision guard must be armed before a test imports transformers

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory):
    """Caches of datasets and of this package go to a folder of the test run."""
    cache = tmp_path_factory.mktemp("cache")
    os.environ["PANDA_HF_CACHE"] = str(cache / "panda_hf")
    import datasets

    datasets.config.HF_DATASETS_CACHE = cache / "datasets"
    yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the project; tests that need it skip where it is missing."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"reference data not found at {SHARED.name}/ beside the project")
    return SHARED
