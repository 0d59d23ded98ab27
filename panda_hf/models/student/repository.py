"""A student's repository that needs no package: the code beside the weights, for whoever trusts it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from panda_hf.errors import CheckpointError

CODE = (
    "configuration_student.py",
    "modeling_student.py",
    "video_branch.py",
    "processing_student.py",
    "pixels_student.py",
    "words_student.py",
)
"""What a student runs on besides transformers; these files import each other and nothing else of ours."""

_MODEL = "modeling_student.PandaStudentForConditionalGeneration"
_AUTO_MAPS = {
    "config.json": {
        "AutoConfig": "configuration_student.PandaStudentConfig",
        "AutoModel": _MODEL,
        "AutoModelForImageTextToText": _MODEL,
    },
    "processor_config.json": {"AutoProcessor": "processing_student.PandaStudentProcessor"},
}


def add_code(folder: Path) -> list[Path]:
    """Put the code that a student runs on into the folder that ``save_pretrained`` of model and processor wrote.

    It then loads without this package where the user says ``trust_remote_code=True``, and with the package as ever.

    Args:
        folder: what is in it stays; the code is replaced.

    Returns:
        The files that were written.

    Raises:
        CheckpointError: when it is no folder of a student.
    """
    for name, auto_map in _AUTO_MAPS.items():
        path = folder / name
        if not path.exists():
            raise CheckpointError(f"the folder {str(folder)!r} has no {name}; save model and processor into it first")
        settings = json.loads(path.read_text(encoding="utf-8"))
        if name == "config.json" and settings.get("model_type") != "panda_student":
            raise CheckpointError(f"{str(path)!r} is of a {settings.get('model_type')!r}, not of a student")
        path.write_text(json.dumps({**settings, "auto_map": auto_map}, indent=2) + "\n", encoding="utf-8")
    here = Path(__file__).parent
    return [Path(shutil.copyfile(here / name, folder / name)) for name in CODE]
