"""LPIPS along a clip: the package's own distances, where weights come from, and what is refused."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from panda_hf.errors import CheckpointError
from panda_hf.measuring import MaxRunningLPIPS
from panda_hf.measuring.lpips_model import FILES, load_lpips
from panda_hf.measuring.running_lpips import max_running_lpips, running_places, running_times
from panda_hf.video import pack_frames
from tests.measuring.pictures import pan, scene
from tests.stages import write_film

pytest.importorskip("lpips")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like torchvision's, of a SqueezeNet with weights of our own."""
    from torchvision.models import squeezenet1_1

    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    torch.save(squeezenet1_1(weights=None).state_dict(), path)
    return path


def test_the_distances_are_those_of_the_package(backbone: Path) -> None:
    import lpips
    from torchvision.models import squeezenet1_1

    theirs = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False).eval()
    whole = squeezenet1_1(weights=None)
    whole.load_state_dict(torch.load(backbone, weights_only=True))
    used = list(theirs.net.parameters())
    with torch.no_grad():
        for own, given in zip(used, list(whole.features.parameters())[: len(used)], strict=True):
            own.copy_(given)
    frames = np.stack([scene(1), scene(2), scene(2), np.zeros_like(scene())])
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = theirs(pixels[:-1], pixels[1:]).flatten().numpy()
    found = load_lpips("squeeze", str(backbone))(frames)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found[1] == 0 and found[0] > 0 and found[2] > 0


def test_tensors_as_safetensors_give_the_same(backbone: Path, tmp_path: Path) -> None:
    save_file(torch.load(backbone, weights_only=True), tmp_path / "weights.safetensors")
    frames = pan(8)
    one, two = (load_lpips("squeeze", str(path))(frames) for path in (backbone, tmp_path / "weights.safetensors"))
    assert one.tolist() == two.tolist()


def test_without_weights_it_is_refused_before_any_work_and_nothing_is_asked_of_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a network was asked"))
    for ask in (MaxRunningLPIPS().check, MaxRunningLPIPS().provenance):
        with pytest.raises(CheckpointError, match=rf"{FILES['alex']} does not.*nothing is downloaded unasked"):
            ask()
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / FILES["alex"]).write_bytes(b"weights")
    MaxRunningLPIPS().check()


def test_weights_of_another_model_and_damaged_ones_are_refused(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"squeezenet.pth does not hold the weights .* features\.3\.weight is not"
    ):
        load_lpips("alex", str(backbone))
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(backbone.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged.pth cannot be read as weights"):
        load_lpips("squeeze", str(damaged))
    with pytest.raises(CheckpointError, match="there is no file 'nowhere.pth'"):
        MaxRunningLPIPS(weights="nowhere.pth").check()


def test_the_record_names_backbone_and_weights(backbone: Path) -> None:
    known = MaxRunningLPIPS(backbone="squeeze", weights=str(backbone)).provenance()
    assert known["backbone"] == "squeezenet1_1" and known["weights"].startswith("sha256 ")
    assert "max_running_lpips" in MaxRunningLPIPS().appends
    assert "no LPIPS" in MaxRunningLPIPS(weights="random").provenance()["weights"]


def test_random_weights_are_always_the_same_ones_and_leave_the_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = load_lpips.__wrapped__("squeeze", "random")(pan(8))  # type: ignore[attr-defined]
    assert torch.rand(1) == expected
    assert load_lpips.__wrapped__("squeeze", "random")(pan(8)).tolist() == first.tolist()  # type: ignore[attr-defined]


def test_frames_a_second_apart_are_chosen() -> None:
    assert running_places([0.2, 0.7, 1.2, 1.6, 2.2]) == [0, 2, 4]
    assert running_places([0.0, 5.0, 10.0]) == [0, 1, 2]
    assert running_times(10.0, 13.0) == [10.5, 11.5, 12.5]
    assert running_times(0.0, 0.9) == []


def test_the_largest_step_counts_and_too_short_clips_have_none() -> None:
    frames = np.stack([scene(1), scene(1), scene(2), scene(2)])
    distances = load_lpips("squeeze", "random")
    packs = [pack_frames(frames, [0.0, 1.0, 2.0, 3.5]), pack_frames(frames[:2], [0.0, 0.4])]
    out = MaxRunningLPIPS(backbone="squeeze", weights="random")({"frames": packs})
    assert out["max_running_distance"] == [pytest.approx(float(distances(frames[1:3])[0]), rel=1e-4), None]
    assert out["lpips_step_seconds"] == [1.5, None]


def test_frames_of_tiny_videos_can_be_compared() -> None:
    tiny = np.stack([scene(1, 20, 30), scene(2, 20, 30)])
    assert load_lpips("alex", "random")(tiny)[0] > 0


def test_each_second_is_decoded_where_asked_for(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", shots=2, seconds=3.0)
    distances = load_lpips("squeeze", "random")
    whole, first, short = max_running_lpips(distances, str(film), [(0.0, 6.0), (0.0, 3.0), (0.0, 1.5)])
    assert short is None and whole is not None and first is not None
    assert whole > first  # the cut lies inside
    stage = MaxRunningLPIPS(backbone="squeeze", weights="random", frames="each second")
    out = stage({"video": [str(film), str(film)], "start": [0.0, 3.0], "end": [6.0, 2.0]})
    assert out["max_running_distance"][0] == pytest.approx(whole) and out["lpips_step_seconds"][0] == 1.0
    assert out["error"][0] is None and "expected 0 <= start < end" in out["error"][1]["message"]
