"""The published METEOR jar, asked over its standard input as pycocoevalcap asks it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

Scores = tuple[list[list[float]], list[float], float]


def score_with_jar(jar: Path, items: Sequence[tuple[str, Sequence[str]]], *, full: bool, timeout: float) -> Scores:
    """Statistics and score of each item, and the score of the corpus.

    Args:
        jar: the jar, beside data/paraphrase-en.gz. items: lines of a prediction and of its references.
        full: all four matchers; else exact and stem without function words.
        timeout: seconds after which the process is ended.

    Raises FileNotFoundError without Java, TimeoutError, or RuntimeError with what the jar said.
    """
    java = shutil.which("java")
    if java is None:
        raise FileNotFoundError("backend='java' needs a Java runtime; install one or use backend='python'")
    command = [java, "-Xmx2G", "-Dfile.encoding=UTF-8", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]
    command += [] if full else ["-m", "exact stem", "-s", os.devnull]
    with tempfile.TemporaryFile() as errors, _running(command, errors, timeout) as ask:
        rows = [ask(" ||| ".join(["SCORE", *references, prediction]), 1)[0] for prediction, references in items]
        scores = ask(" ||| ".join(["EVAL", *rows]), len(items) + 1)
    return [[float(value) for value in row.split()] for row in rows], list(map(float, scores[:-1])), float(scores[-1])


@contextmanager
def _running(command: list[str], errors: IO[bytes], timeout: float) -> Iterator:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout, end)
    timer.start()

    def ask(line: str, answers: int) -> list[str]:
        assert process.stdin and process.stdout
        try:
            process.stdin.write(line.encode("utf-8", "replace") + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        read = [process.stdout.readline().decode("utf-8", "replace").strip() for _ in range(answers)]
        if late.is_set():
            raise TimeoutError(f"the METEOR jar did not finish within {timeout} s; pass a longer timeout=")
        if not all(read) or read[0].startswith("Error"):
            errors.seek(0)
            said = read[0] or errors.read().decode("utf-8", "replace").strip()[-500:] or "nothing"
            raise RuntimeError(f"the METEOR jar could not score {line[:80]!r}; it said: {said}")
        return read

    try:
        yield ask
    finally:
        timer.cancel()
        process.kill()
        process.communicate()
