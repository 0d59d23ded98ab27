"""`AnswerStore`: the answers of all annotators in a folder, one append-only file for each of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from panda_hf.annotation.answers import Answer, annotator_name, now
from panda_hf.annotation.lines import LineFile
from panda_hf.errors import OutputError
from panda_hf.running.naming import safe_file_name

log = logging.getLogger(__name__)

SUFFIX = ".jsonl"


class AnswerStore:
    """Answers that survive crashes and restarts, and several writers at once.

    A changed answer is a later line, an undone one a line that says so: nothing is ever rewritten.

    Example::

        store = AnswerStore("annotations/answers")
        store.add(answer)  # on disk when this returns
        store.of("Ada")["film.0"]
    """

    def __init__(self, folder: str | Path) -> None:
        """Open the folder, which is made where it is missing.

        Raises:
            OutputError: when it cannot be made.
        """
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"the folder of answers {self.folder} cannot be made: {error}") from error
        self._lock = threading.RLock()
        self._files: dict[Path, LineFile] = {}
        self._said: dict[str, list[Answer]] = {}
        self.strange = 0
        """Records that are no answers of ours; they stay in the files and are left out."""
        self.refresh()

    def add(self, answer: Answer) -> None:
        """Keep an answer, in place of an earlier one of the same person to the same clip.

        Raises:
            OSError: when it could not be written; nothing has changed then.
        """
        with self._lock:
            self._file(answer.annotator).append(answer.record())
            self.refresh()

    def undo(self, annotator: str) -> Answer | None:
        """Take back the last answer that ``annotator`` gave; an earlier one to the same clip counts again.

        Returns:
            The answer taken back; ``None`` when there is none.

        Raises:
            OSError: when that could not be written; nothing has changed then.
        """
        with self._lock:
            self.refresh()
            said = self._said.get(annotator)
            if not said:
                return None
            last = said[-1]
            record = {"record": "undo", "annotator": annotator, "clip_id": last.clip_id, "at": now()}
            self._file(annotator).append(record)
            self.refresh()
            return last

    def of(self, annotator: str) -> dict[str, Answer]:
        """The answers that count of one person, by clip."""
        with self._lock:
            return {answer.clip_id: answer for answer in self._said.get(annotator, ())}

    def all(self) -> dict[str, dict[str, Answer]]:
        """The answers that count, by annotator and clip; annotators by name."""
        with self._lock:
            self.refresh()
            return {name: self.of(name) for name in sorted(self._said) if self._said[name]}

    def refresh(self) -> None:
        """Take in what others have written."""
        with self._lock:
            for path in sorted(self.folder.glob(f"*{SUFFIX}")):
                if path not in self._files:
                    self._files[path] = LineFile(path)
            for file in self._files.values():
                for record in file.new_records():
                    self._take(record)

    @property
    def damaged(self) -> int:
        """Lines that could not be read and were left out."""
        return self.strange + sum(file.damaged for file in self._files.values())

    def _file(self, annotator: str) -> LineFile:
        path = self.folder / (safe_file_name(annotator) + SUFFIX)
        if path not in self._files:
            self._files[path] = LineFile(path)
        return self._files[path]

    def _take(self, record: Mapping[str, Any]) -> None:
        try:
            if record["record"] == "answer":
                answer = Answer.from_record(record)
                self._said.setdefault(answer.annotator, []).append(answer)
            elif record["record"] == "undo":
                self._take_back(annotator_name(record["annotator"]), record["clip_id"])
        except (KeyError, TypeError, ValueError) as error:
            self.strange += 1
            log.warning("%s holds a record that is no answer of ours: %s", self.folder, error)

    def _take_back(self, annotator: str, clip_id: str) -> None:
        """Remove the last answer to the clip: two windows may have undone and answered in turn."""
        said = self._said.get(annotator, [])
        for place in range(len(said) - 1, -1, -1):
            if said[place].clip_id == clip_id:
                del said[place]
                return
