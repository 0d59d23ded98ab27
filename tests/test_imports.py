"""The house rules: imports point one way, and importing the package stays cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "panda_hf"

FOUNDATION = {"errors", "schema", "stage", "clips", "video", "models", "torchvision_guard"}
ALLOWED = {
    "errors": set(),
    "torchvision_guard": set(),
    "schema": set(),
    "stage": {"errors", "schema"},
    "video": {"errors", "schema"},
    "models": {"errors"},
    "clips": {"errors", "schema", "stage", "video"},
    "splitting": FOUNDATION,
    "captioning": FOUNDATION,
    "selection": FOUNDATION,
    "training": FOUNDATION,
    "measuring": FOUNDATION | {"splitting"},
    "metrics": set(),
    "mini": FOUNDATION | {"corpora", "release", "rights", "splitting", "captioning", "selection", "training"},
    "pipeline": FOUNDATION | {"splitting", "captioning", "measuring", "selection", "training"},
    "rights": FOUNDATION,
    "publishing": FOUNDATION | {"pipeline", "rights"},
    "running": FOUNDATION | {"pipeline", "publishing", "rights"},
    "release": {"errors", "schema", "rights"},
    "subsets": {"errors", "schema", "stage", "publishing", "rights"},
    "corpora": {"errors", "schema", "publishing", "running"},
    "evaluation": FOUNDATION | {"captioning", "selection", "publishing", "running", "metrics"},
    "annotation": FOUNDATION | {"captioning", "training", "running"},
    "showing": FOUNDATION
    | {"pipeline", "splitting", "captioning", "selection", "mini", "publishing", "running", "annotation"},
    "download": FOUNDATION | {"publishing", "running", "rights"},
    "describing": FOUNDATION | {"captioning", "running"},
    "__init__": FOUNDATION,
}


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported_rooms(path: Path) -> set[str]:
    """Rooms of the package that a file imports, `if TYPE_CHECKING` aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    names: list[str] = []
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("panda_hf.")}


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_imports_point_one_way(room: str) -> None:
    files = [path for path in PACKAGE.rglob("*.py") if room_of(path) == room]
    wrong = {
        str(path.relative_to(PACKAGE)): bad
        for path in files
        if (bad := imported_rooms(path) - ALLOWED[room] - {room, "__version__"})
    }
    assert not wrong


def test_every_room_has_a_rule() -> None:
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")}
    assert rooms - set(ALLOWED) == {"cli", "__main__"} & rooms


def test_every_file_has_one_line_that_says_what_it_is() -> None:
    silent = [str(path) for path in PACKAGE.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_loads_no_torch() -> None:
    assert not {"torch", "datasets", "transformers", "av", "cv2"} & loaded_by("import panda_hf")


def test_the_video_and_splitting_rooms_load_no_torch() -> None:
    assert "torch" not in loaded_by("import panda_hf.video, panda_hf.splitting")


def test_every_public_name_can_be_imported() -> None:
    import panda_hf

    for name in panda_hf.__all__:
        assert getattr(panda_hf, name) is not None
