"""Students are found by the auto classes, and run from their own repository where the package is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from panda_hf.errors import CheckpointError
from panda_hf.models.student import PandaStudentForConditionalGeneration
from panda_hf.models.student.repository import CODE, add_code
from tests.models.student_sizes import save, tiny_processor
from tests.stages import write_film

ROOT = Path(__file__).parents[2]

WITHOUT_PACKAGE = """
import sys

class NotInstalled:
    def find_spec(self, name, *rest):
        if name.split(".")[0] == "panda_hf":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
sys.modules["torchvision"] = None  # where its build does not fit torch, only the package's guard lets it be imported
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
folder, film = sys.argv[1:]
try:
    AutoConfig.from_pretrained(folder)
except ValueError as error:
    assert "trust_remote_code=True" in str(error), error
else:
    raise SystemExit("code was run that nobody trusted")
model = AutoModelForImageTextToText.from_pretrained(folder, trust_remote_code=True)
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
inputs = processor(videos=[film], metadata=[("a red ball", None)])
print(type(model).__module__.split(".")[0], model.generate(**inputs, max_new_tokens=6).tolist())
"""


def python(code: str, *arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def repository(home) -> Path:
    """A student's repository with its code, and a film."""
    add_code(save(home / "student"))
    write_film(home / "film.mp4")
    return home / "student"


@pytest.mark.timeout(900)  # another process has to import torch and transformers
def test_a_repository_captions_a_film_without_the_package_for_whoever_trusts_its_code(repository, home):
    there = python(WITHOUT_PACKAGE, repository, home / "film.mp4", home=home)
    assert there.returncode == 0, there.stderr
    model, processor = (auto.from_pretrained(repository) for auto in (AutoModelForImageTextToText, AutoProcessor))
    assert isinstance(model, PandaStudentForConditionalGeneration)
    inputs = processor(videos=[str(home / "film.mp4")], metadata=[("a red ball", None)])
    written = model.generate(**inputs, max_new_tokens=6).tolist()
    assert there.stdout.splitlines()[-1].endswith(f"transformers_modules {written}")


@pytest.mark.timeout(900)
def test_importing_the_package_is_enough_for_the_auto_classes_and_loads_nothing_by_itself(repository, home):
    code = """
import sys, panda_hf
assert "transformers" not in sys.modules
from transformers import AutoConfig
assert "panda_hf.models.student" not in sys.modules
print(type(AutoConfig.from_pretrained(sys.argv[1])).__name__, "umt" in sys.modules)
from transformers import AutoModel
print(type(AutoModel.from_pretrained(sys.argv[1])).__name__)
"""
    run = python(code, repository, home=home)
    assert run.stdout.split() == ["PandaStudentConfig", "False", "PandaStudentForConditionalGeneration"], run.stderr


def test_a_model_type_that_nobody_knows_is_refused_as_ever(tmp_path):
    from transformers import AutoConfig

    (tmp_path / "config.json").write_text('{"model_type": "panda_teacher"}')
    with pytest.raises(ValueError, match="panda_teacher"):
        AutoConfig.from_pretrained(tmp_path)


def test_code_is_added_only_to_what_is_a_student(tmp_path):
    with pytest.raises(CheckpointError, match="has no config.json"):
        add_code(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "umt"}')
    with pytest.raises(CheckpointError, match="of a 'umt'"):
        add_code(tmp_path)


def test_the_code_imports_itself_and_transformers_alone(repository):
    """Whatever is imported at the top of a file must be where the package is not."""
    for name in CODE:
        lines = [line for line in (repository / name).read_text().splitlines() if line.startswith(("from", "import"))]
        roots = {line.split()[1].split(".")[0] for line in lines} - {""}
        assert roots <= {"__future__", "collections", "copy", "dataclasses", "inspect", "pathlib", "re", "typing",
                         "unicodedata", "numpy", "torch", "transformers"}  # fmt: skip
        assert {line.split()[1][1:] + ".py" for line in lines if line.startswith("from .")} <= set(CODE)


def test_a_student_that_is_saved_again_keeps_nothing_of_the_code_by_accident(repository, tmp_path):
    model = PandaStudentForConditionalGeneration.from_pretrained(repository)
    model.save_pretrained(tmp_path)
    assert not list(tmp_path.glob("*.py")) and "transformers_modules" not in (tmp_path / "config.json").read_text()
    settings = json.loads((repository / "config.json").read_text())
    assert settings["auto_map"]["AutoConfig"] == "configuration_student.PandaStudentConfig"


def test_half_precision_loads_the_large_parts_so_and_writes(repository):
    model = PandaStudentForConditionalGeneration.from_pretrained(repository, dtype=torch.float16)
    kinds = {
        name: getattr(model, name).dtype for name in ("vision_model", "qformer", "text_qformer", "language_model")
    }
    assert kinds == {
        "vision_model": torch.float16,
        "qformer": torch.float32,
        "text_qformer": torch.float32,
        "language_model": torch.float16,
    }
    frames = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 3), np.uint8)
    inputs = tiny_processor()(videos=[frames], metadata=[("a ball", None)])
    exact = PandaStudentForConditionalGeneration.from_pretrained(repository)(**inputs).logits
    assert 0 < (model(**inputs).logits.float() - exact).abs().max() < 0.1
    rough = PandaStudentForConditionalGeneration.from_pretrained(repository, dtype=torch.bfloat16)
    assert rough.text_qformer.dtype == torch.bfloat16
    assert 0 < (rough(**inputs).logits.float() - exact).abs().max() < 0.5
