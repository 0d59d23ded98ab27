"""What an installed package holds."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_wheel_holds_code_templates_checkpoints_dataset_scripts_and_spaces(tmp_path: Path) -> None:
    copy = tmp_path / "source"  # a build leaves folders in the source tree
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, tracked.decode().split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(copy)]
    subprocess.run(command, check=True)
    held = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    wanted = [path for path in (copy / "panda_hf").rglob("*") if path.is_file()]
    assert {path.relative_to(copy).as_posix() for path in wanted} <= held
    scripts = [path for name in ("dataset_scripts", "spaces") for path in (copy / name).rglob("*") if path.is_file()]
    assert {f"panda_hf/{path.relative_to(copy).as_posix()}" for path in scripts} <= held
