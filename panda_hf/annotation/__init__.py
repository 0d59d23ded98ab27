"""People judge captions: what they see, how answers are kept, how far they agree, how a selector learns from them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# The examples need torch, the rest does not.
_PUBLIC = {
    "Agreement": "agreement",
    "AnnotatedClips": "examples",
    "Answer": "answers",
    "AnswerStore": "store",
    "Desk": "desk",
    "Media": "media",
    "Task": "tasks",
    "Tasks": "tasks",
    "export_answers": "export",
}

if TYPE_CHECKING:
    from panda_hf.annotation.agreement import Agreement as Agreement
    from panda_hf.annotation.answers import Answer as Answer
    from panda_hf.annotation.desk import Desk as Desk
    from panda_hf.annotation.examples import AnnotatedClips as AnnotatedClips
    from panda_hf.annotation.export import export_answers as export_answers
    from panda_hf.annotation.media import Media as Media
    from panda_hf.annotation.store import AnswerStore as AnswerStore
    from panda_hf.annotation.tasks import Task as Task
    from panda_hf.annotation.tasks import Tasks as Tasks

__all__ = list(_PUBLIC)  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'panda_hf.annotation' has no attribute {name!r}")
    return getattr(importlib.import_module(f"panda_hf.annotation.{_PUBLIC[name]}"), name)
