"""The folder that an evaluation leaves: results, the Hub's form, a picture, a page, the captions."""

from __future__ import annotations

import json
import os
from pathlib import Path

from panda_hf.errors import OutputError
from panda_hf.evaluation import captioning, retrieval
from panda_hf.evaluation.captioning import Report, Source
from panda_hf.evaluation.names import file_name
from panda_hf.evaluation.page import PAGE, write_page
from panda_hf.evaluation.plot import PLOT, write_plot
from panda_hf.evaluation.results import MODEL_INDEX, RESULTS, earlier_models, write_results
from panda_hf.evaluation.tables import metrics_of
from panda_hf.publishing.card_parts import write_text

PREDICTIONS = "predictions"
"""The folder of captions inside the output."""


def check_out(out: str | os.PathLike[str]) -> None:
    """Refuse a folder that a report cannot be written into, before models work for it.

    Raises:
        OutputError: when it or a folder above it is a file or may not be written, or holds files of something else
            that the report would replace.
    """
    folder = Path(out)
    try:
        standing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError as error:
        raise OutputError(f"{folder} cannot be used for results: {error}; give another --out") from error
    if not standing.is_dir():
        raise OutputError(f"{folder} cannot be a folder of results: {standing} is a file; give another --out")
    if not os.access(standing, os.W_OK | os.X_OK):
        raise OutputError(f"{folder} cannot be a folder of results: {standing} may not be written; give another --out")
    earlier_models(folder)
    foreign = [name for name in (MODEL_INDEX, PLOT, PAGE) if (folder / name).exists()]
    if foreign and not (folder / RESULTS).exists():
        raise OutputError(f"{folder / foreign[0]} is there already and is not of an evaluation; give another --out")


def write_report(report: Report, out: str | os.PathLike[str]) -> list[Path]:
    """Write ``results.json``, ``model-index.yml``, ``scores.png`` (where matplotlib is) and ``samples.html``."""
    folder = Path(out)
    written = write_results(report.evaluations, folder, report.differences)
    plot = _plot(report, folder)
    page = write_page(report.evaluations, report.samples, plot, folder, report.differences, report.notes)
    return [*written, *([plot] if plot else []), page]


def write_predictions(source: Source, out: str | os.PathLike[str]) -> list[Path]:
    """Write the captions of a source as ``{id: caption}``, one file per set, into the folder of captions."""
    folder = Path(out) / PREDICTIONS
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, captions in enumerate(source.sets):
        part = f".{number}" if len(source.sets) > 1 else ""
        path = folder / f"{file_name(source.name)}{part}.json"
        write_text(path, json.dumps(captions, indent=1, ensure_ascii=False) + "\n")
        written.append(path)
    return written


COMPARED = (*captioning.COMPARED, *retrieval.COMPARED)
"""What the picture shows."""


def _plot(report: Report, folder: Path) -> Path | None:
    try:
        return write_plot(
            report.evaluations, folder, [one for one in metrics_of(report.evaluations) if one in COMPARED]
        )
    except ImportError:
        (folder / PLOT).unlink(missing_ok=True)  # an earlier evaluation's
        return None
