"""`write_report`: one page, without any other file, that shows what a run made."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from panda_hf.publishing import wording
from panda_hf.publishing.output import OutputFolder
from panda_hf.publishing.page import Page, build_page

REPORT = "report.html"


def write_report(out: str | Path, *, max_clips: int = 200) -> Path:
    """Write ``report.html`` of an output folder.

    The page holds its style and its pictures, runs no script and asks for nothing from elsewhere. All text of
    captions, titles, file names and errors is escaped. Its size is bounded: clips beyond ``max_clips`` are counted,
    not shown.

    Args:
        out: the output folder of a run.
        max_clips: clips to show, spread evenly over the videos, at least 1.

    Returns:
        The path of the page.

    Raises:
        OutputError: when ``out`` is not the output of a run.
        ValueError: when ``max_clips`` is below 1.
    """
    if max_clips < 1:
        raise ValueError(f"max_clips={max_clips}: a report shows at least 1 clip")
    output = OutputFolder.open(out)
    html = render(build_page(output, max_clips=max_clips))
    path = output.path / REPORT
    unfinished = path.with_name(f".{REPORT}.{os.getpid()}")
    unfinished.write_text(html, encoding="utf-8", errors="replace")
    os.replace(unfinished, path)
    return path


def render(page: Page) -> str:
    """The page as HTML."""
    css = (files("panda_hf.publishing") / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        environment("panda_hf.publishing")
        .get_template("report.html.j2")
        .render(page=page, css=Markup(css), css_hash=digest)
    )


def environment(package: str) -> Environment:
    """For the templates beside a package's code: all text is escaped, numbers are worded as in the report."""
    made = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        clean=wording.clean,
        clock=wording.clock,
        length=wording.length,
        number="{:,}".format,
        plural=wording.plural,
        reason=wording.reason,
        score=wording.score,
        share=wording.share,
    )
    return made
