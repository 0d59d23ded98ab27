"""The guard mends one broken pair of builds and leaves every other alone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from panda_hf.torchvision_guard import is_needed

installed = importlib.util.find_spec("torchvision") is not None


@pytest.mark.parametrize(
    ("cuda", "hip", "torchvision", "needed"),
    [
        (None, None, "0.28.0+cu130", True),
        (None, None, "0.28.0+cpu", False),
        (None, None, "0.28.0", False),
        ("13.0", None, "0.28.0+cu130", False),
        (None, "6.2", "0.28.0+cu130", False),
    ],
)
def test_only_a_cuda_torchvision_beside_a_cpu_torch_needs_it(cuda, hip, torchvision, needed) -> None:
    assert is_needed(cuda, hip, torchvision) is needed


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.skipif(not installed, reason="torchvision is not installed")
def test_torchvision_imports_after_the_package_in_a_new_process() -> None:
    done = run("import panda_hf\nfrom torchvision.transforms import v2\nimport torchvision; print('fine')")
    assert done.stdout.strip() == "fine", done.stderr


@pytest.mark.skipif(not installed, reason="torchvision is not installed")
def test_the_transformers_trainer_imports_after_the_package() -> None:
    done = run("import panda_hf\nfrom transformers import Trainer, AutoImageProcessor; print('fine')")
    assert done.stdout.strip() == "fine", done.stderr


@pytest.mark.skipif(not installed, reason="torchvision is not installed")
def test_the_operators_are_declared_only_when_torchvision_lacks_them() -> None:
    code = (
        "import panda_hf, torch\nfrom panda_hf import torchvision_guard as g\nimport torchvision\n"
        "print(len(g._keep_alive) == int(g.is_needed(torch.version.cuda, torch.version.hip, torchvision.__version__)))"
    )
    assert run(code).stdout.strip() == "True"


def test_asking_whether_torchvision_is_there_loads_no_torch() -> None:
    code = (
        "import panda_hf, sys, importlib.util\nimportlib.util.find_spec('torchvision'); print('torch' in sys.modules)"
    )
    assert run(code).stdout.strip() == "False"


@pytest.mark.skipif(not installed, reason="torchvision is not installed")
def test_arming_it_twice_changes_nothing() -> None:
    code = "import panda_hf, sys\nfrom panda_hf import torchvision_guard as g\nn = len(sys.meta_path); g.install()\n"
    assert run(code + "print(len(sys.meta_path) == n)").stdout.strip() == "True"
