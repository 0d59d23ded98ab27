"""The Space in which people watch clips and pick the best caption of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from panda_hf.annotation import Desk, Tasks
from panda_hf.annotation.answers import Mode
from panda_hf.annotation.desk import View
from panda_hf.errors import PandaError

HERE = Path(__file__).parent
TITLE = "Which caption fits the clip?"


def make_app(desk: Desk) -> gr.Blocks:
    """The page over a desk. All texts of the dataset and of people travel as JSON and are shown as text."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as demo:
        gr.HTML(
            html_template=(HERE / "page.html").read_text(encoding="utf-8"),
            js_on_load=(HERE / "page.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            elem_id="annotate",
            server_functions=calls(desk),
        )
    return demo


def launch(desk: Desk, **options: Any) -> tuple[Any, str, str]:
    """Serve the page; ``options`` go to ``gr.Blocks.launch``. Of the files here only playable clips are served."""
    return make_app(desk).launch(
        css=(HERE / "page.css").read_text(encoding="utf-8"),
        theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        allowed_paths=[str(desk.media.folder)],
        footer_links=[],
        **options,
    )


def wait() -> None:
    """Serve until Ctrl-C."""
    while True:
        time.sleep(3600)


def calls(desk: Desk) -> list[Callable[[dict], dict]]:
    """What the page may ask. Each takes and gives JSON; ``{"error": message}`` where it cannot be done."""

    def see(asked: dict) -> dict:
        return told(lambda: desk.view(asked.get("annotator"), asked.get("clip_id"), int(asked.get("step") or 0)))

    def answer(asked: dict) -> dict:
        def kept() -> View:
            places = [int(place) for place in asked.get("places") or ()]
            names = asked.get("annotator"), asked.get("clip_id"), asked.get("candidates")
            return desk.answer(*names, places, asked.get("seconds"))

        return told(kept)

    def undo(asked: dict) -> dict:
        return told(lambda: desk.undo(asked.get("annotator")))

    def agreement(asked: dict) -> dict:
        return told(desk.agreement)

    def told(act: Callable[[], View | dict | None]) -> dict:
        try:
            found = act()
        except (PandaError, ValueError, TypeError, OSError) as error:
            return {"error": str(error) or type(error).__name__}
        return as_json(desk, found) if isinstance(found, View) else {"nothing": True} if found is None else found

    return [see, answer, undo, agreement]


def as_json(desk: Desk, view: View) -> dict:
    """A view as the page wants it."""
    return {
        "annotator": view.annotator,
        "clip_id": view.clip_id,
        "file": None if view.file is None else str(view.file),
        "captions": list(view.captions),
        "candidates": view.candidates,
        "chosen": None if view.chosen is None else list(view.chosen),
        "position": view.position,
        "done": view.done,
        "total": view.total,
        "mode": desk.mode,
        "skipped": desk.tasks.told_skipped(),
    }


def desk_from_environment() -> Desk:
    """The desk that the settings of a Space describe; see README.md."""
    dataset = os.environ.get("PANDA_DATASET")
    if not dataset:
        raise SystemExit("PANDA_DATASET is not set: give the Hub id or folder of a dataset that panda-hf curate made")
    mode = os.environ.get("PANDA_MODE", "best")
    if mode not in get_args(Mode):
        raise SystemExit(f"PANDA_MODE is {mode!r}; it must be one of {get_args(Mode)}")
    tasks = Tasks.open(dataset, os.environ.get("PANDA_CONFIG"), os.environ.get("PANDA_SPLIT", "train"))
    return Desk(
        tasks,
        os.environ.get("PANDA_OUT", "/data/annotations"),
        mode=mode,
        shared=int(os.environ.get("PANDA_SHARED", "20")),
        seed=int(os.environ.get("PANDA_SEED", "0")),
    )


if __name__ == "__main__":
    launch(desk_from_environment())
