"""The Space in which people try the method: caption a clip, split a long video, explore a dataset."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from panda_hf.showing import pages
from panda_hf.showing.arguments import TEXT_LETTERS, TITLE_LETTERS
from panda_hf.showing.cast import Choices
from panda_hf.showing.collection import Filter
from panda_hf.showing.desk import EXPECTED, Chosen, Desk, Kind, told
from panda_hf.showing.doors import Doors
from panda_hf.showing.gate import BodyLimit
from panda_hf.showing.limits import Limits
from panda_hf.showing.long_video import SLIDERS
from panda_hf.showing.look import theme
from panda_hf.showing.programs import door, programs, refuse_addresses
from panda_hf.showing.student import Words
from panda_hf.showing.tab_caption import CaptionTab
from panda_hf.showing.tab_explore import ExploreTab
from panda_hf.showing.tab_split import SplitTab
from panda_hf.showing.uploads import upload_route
from panda_hf.showing.visits import key_of

HERE = Path(__file__).parent
TITLE = "panda_hf: a long video in, captioned clips out"
VIDEOS = [".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".gif", ".3gp"]
LICENSES = ["", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "other"]
LABELS = {
    "max_stitch_distance": ("Stitch neighbours up to this distance", 0.0, 1.5, 0.01),
    "max_transition_distance": ("Drop pieces that change more than this", 0.0, 1.5, 0.01),
    "still_distance": ("Drop clips that move less than this", 0.0, 0.5, 0.005),
    "redundancy_distance": ("Drop clips nearer than this to an earlier one", 0.0, 1.0, 0.01),
    "min_seconds": ("Shortest clip, seconds", 0.0, 10.0, 0.1),
    "max_seconds": ("Longest clip, seconds", 10.0, 120.0, 1.0),
    "trim_fraction": ("Trim this share off both ends", 0.0, 0.4, 0.01),
}
"""The sliders: what they are called, their ends and their step."""
EXAMPLES_JS = """
element.addEventListener('click', event => {
  const button = event.target.closest('[data-example]');
  if (button) trigger('click', { index: Number(button.dataset.example) });
});
for (const button of element.querySelectorAll('[data-example]')) button.disabled = false;
"""
"""From then on a click is heard; before, the buttons cannot be pressed."""
STYLE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "api_name": "page"}


def make_app(desk: Desk) -> gr.Blocks:
    """The page over a desk."""
    with gr.Blocks(title=TITLE, analytics_enabled=False) as demo:
        gr.HTML(pages.masthead(desk.choices.default, desk.limits), apply_default_css=False)
        models: list[Any] = [gr.State(None), gr.State([]), gr.State(None)]
        with gr.Tabs(elem_id="p-tabs"):
            with gr.Tab("Caption", id="caption"):
                caption_tab(desk, models)
            with gr.Tab("Split", id="split"):
                sliders = split_tab(desk, models)
            with gr.Tab("Explore", id="explore"):
                explore_tab(desk, sliders)
            with gr.Tab("Models", id="models"):
                models_tab(desk, models)
        programs(desk)
        refuse_addresses(demo)
        gr.HTML(pages.footer(desk.limits), apply_default_css=False)
        demo.unload(leaving(desk))
    return demo


def key(request: gr.Request) -> str:
    """Whose click it is: a page behind the door of a browser."""
    return key_of(door(request), request.session_hash)


def leaving(desk: Desk) -> Any:
    """What happens when a visitor closes the page."""

    def leave(request: gr.Request) -> None:
        desk.leave(key(request))

    return leave


def caption_tab(desk: Desk, models: list[Any]) -> None:
    """One clip: what is known of it on the left, what is said of it on the right."""
    tab = CaptionTab(desk)
    with gr.Row(elem_classes="p-columns"):
        with gr.Column(scale=2, min_width=300):
            upload, seen, shelf = given_video(desk, "clip", "Your clip")
            title = gr.Textbox(label="Title", placeholder="What it is called", max_length=TITLE_LETTERS)
            description = gr.Textbox(
                label="Description", placeholder="What is written below it", max_length=TEXT_LETTERS
            )
            subtitle = gr.Textbox(label="Subtitle", placeholder="What is said in it", max_length=TEXT_LETTERS)
            go = gr.Button("Caption", variant="primary", elem_id="p-caption")
        with gr.Column(scale=3, min_width=300):
            doing = gr.HTML(elem_id="p-caption-doing", apply_default_css=False)
            result = gr.HTML(pages.waiting("clip"), elem_id="p-caption-result", apply_default_css=False)
    words = [title, description, subtitle]

    def take(request: gr.Request, path: str) -> tuple[str, str, str, None]:
        return desk.take(key(request), path, "clip"), "", "", None

    def example(request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        film, player = desk.example(key(request), "clip", event._data["index"])
        return player, "", "", film.title, film.description, film.subtitle

    def caption(request: gr.Request, one: str, two: str, three: str, *rest: Any) -> Iterator[tuple[str, str]]:
        yield from tab.caption(key(request), Words.of(one, two, three), chosen(rest))

    run: dict[str, Any] = {
        "fn": caption,
        "inputs": [*words, *models],
        "outputs": [doing, result],
        "concurrency_id": "work",
        "concurrency_limit": desk.limits.at_once,
        **STYLE,
    }
    upload.upload(take, upload, [seen, doing, result, upload], **STYLE)
    go.click(**run)
    gr.on([box.submit for box in words], **run)
    if shelf is not None:
        shelf.click(example, None, [seen, doing, result, *words], **STYLE).success(**run)


def split_tab(desk: Desk, models: list[Any]) -> list[Any]:
    """A long video: the timeline, the clips, the sliders, the dataset to take along; returns the sliders."""
    tab = SplitTab(desk)
    with gr.Row(elem_classes="p-columns"):
        with gr.Column(scale=2, min_width=300):
            upload, seen, shelf = given_video(desk, "film", "Your video")
            with gr.Accordion("What is known about it", open=False):
                title = gr.Textbox(label="Title", max_length=TITLE_LETTERS)
                description = gr.Textbox(label="Description", max_length=TEXT_LETTERS)
                cues = gr.File(
                    label="Subtitles (.srt, .vtt)", file_types=[".srt", ".vtt"], height=110, elem_id="p-cues"
                )
            go = gr.Button("Split and caption", variant="primary", elem_id="p-split")
            with gr.Accordion("Thresholds", open=False, elem_id="p-thresholds"):
                gr.HTML(pages.thresholds(), apply_default_css=False)
                sliders = [slider(desk, name) for name in SLIDERS]
                rest = gr.Button("Caption the new clips", size="sm", elem_id="p-rest")
        with gr.Column(scale=3, min_width=300):
            doing = gr.HTML(elem_id="p-split-doing", apply_default_css=False)
            result = gr.HTML(pages.waiting("film"), elem_id="p-split-result", apply_default_css=False)
            away = take_away()

    def take(request: gr.Request, path: str) -> tuple[str, str, str, None]:
        return desk.take(key(request), path, "film"), "", "", None

    def example(request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        film, player = desk.example(key(request), "film", event._data["index"])
        return player, "", "", film.title, film.description

    def split(request: gr.Request, one: str, two: str, path: str | None, *more: Any) -> Iterator[tuple[str, str]]:
        numbers, models = more[: len(SLIDERS)], more[len(SLIDERS) :]
        yield from tab.split(key(request), Words.of(one, two, None), path, named(numbers), chosen(models))

    def restitch(request: gr.Request, *numbers: Any) -> tuple[Any, Any]:
        return tab.restitch(key(request), named(numbers)) or (gr.skip(), gr.skip())

    def caption_rest(request: gr.Request, *numbers: Any) -> Iterator[tuple[str, str]]:
        yield from tab.caption_rest(key(request), named(numbers))

    work: dict[str, Any] = {"concurrency_id": "work", "concurrency_limit": desk.limits.at_once, **STYLE}
    inputs = [title, description, cues, *sliders, *models]
    run: dict[str, Any] = {"fn": split, "inputs": inputs, "outputs": [doing, result], **work}
    upload.upload(take, upload, [seen, doing, result, upload], **STYLE)
    go.click(**run)
    if shelf is not None:
        shelf.click(example, None, [seen, doing, result, title, description], **STYLE).success(**run)
    again = restitch
    for one in sliders:
        one.input(again, sliders, [doing, result], trigger_mode="always_last", concurrency_limit=8, **STYLE)
    rest.click(caption_rest, sliders, [doing, result], **work)
    away_events(tab, away, sliders, work)
    return sliders


def take_away() -> dict[str, Any]:
    """The boxes for the dataset that a visitor takes along."""
    with gr.Accordion("Take the dataset along", open=False, elem_id="p-away"):
        license = gr.Dropdown(LICENSES, value="", label="Licence of the footage", allow_custom_value=True)
        zipped = gr.Button("Make the dataset (zip)", size="sm", elem_id="p-zip")
        with gr.Row():
            repo = gr.Textbox(label="Or push it to your account: user/name", max_length=120, min_width=220)
            token = gr.Textbox(
                label="Your token with write access",
                type="password",
                max_length=200,
                min_width=220,
                info="Used once, kept nowhere.",
            )
        private = gr.Checkbox(True, label="Private")
        push = gr.Button("Push to the Hub", size="sm", elem_id="p-push")
        said = gr.HTML(elem_id="p-away-said", apply_default_css=False)
    return {
        "license": license, "zip": zipped, "repo": repo, "token": token, "private": private, "push": push, "said": said
    }  # fmt: skip


def away_events(tab: SplitTab, away: dict[str, Any], sliders: list[Any], work: dict[str, Any]) -> None:
    """What the buttons of :func:`take_away` do. The token's box is emptied before anything is sent."""

    def download(request: gr.Request, license: str, *numbers: Any) -> Iterator[str]:
        yield from tab.download(key(request), named(numbers), license or None)

    def push(request: gr.Request, license: str, repo: str, token: str, private: bool, *numbers: Any) -> Iterator[Any]:
        for said in tab.push(key(request), named(numbers), license or None, repo or "", token or "", private):
            yield said, ""

    away["zip"].click(download, [away["license"], *sliders], away["said"], **work)
    inputs = [away["license"], away["repo"], away["token"], away["private"], *sliders]
    away["push"].click(push, inputs, [away["said"], away["token"]], **work)


def explore_tab(desk: Desk, sliders: list[Any]) -> None:
    """A dataset: a row of filters, pictures of the numbers, cards of clips."""
    tab = ExploreTab(desk)
    label = "Dataset: an id of the Hub" + (", or a folder" if desk.choices.free else "")
    first = desk.datasets[0] if desk.datasets else None
    with gr.Row(elem_classes="p-open"):
        name = gr.Dropdown(
            list(desk.datasets), value=first, allow_custom_value=True, label=label, scale=4, elem_id="p-name"
        )
        go = gr.Button("Open", variant="primary", scale=1, min_width=110, elem_id="p-open")
        own = gr.Button("Open what I have split", scale=1, min_width=240, elem_id="p-own")
    with gr.Row(elem_classes="p-filters"):
        words = gr.Textbox(label="Words in the caption", elem_id="p-words")
        teachers = gr.Dropdown([], multiselect=True, label="Teachers")
    with gr.Row(elem_classes="p-filters"):
        low = gr.Slider(-1.0, 1.0, -1.0, step=0.01, label="Least matching score", min_width=220)
        short = gr.Slider(0.0, 60.0, 0.0, step=0.5, label="Shortest, seconds", min_width=220)
        long = gr.Slider(1.0, 120.0, 120.0, step=0.5, label="Longest, seconds", min_width=220)
    doing = gr.HTML(elem_id="p-explore-doing", apply_default_css=False)
    result = gr.HTML(pages.waiting("dataset"), elem_id="p-explore-result", apply_default_css=False)
    with gr.Row(elem_classes="p-pager", visible=False) as pager:
        back = gr.Button("← Back", size="sm", min_width=90)
        where = gr.Markdown("", elem_id="p-where")
        on = gr.Button("Further →", size="sm", min_width=90)
    at = gr.State(1)
    filters = [words, teachers, low, short, long]
    shown = [doing, result, where, at, pager]

    def fill(request: gr.Request, number: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
        html, number, count = tab.page(key(request), filter_of(*values), number)
        return "", html or gr.skip(), f"Page {number} of {count}", number, gr.Row(visible=count > 1)

    def opened(request: gr.Request, act: Any) -> tuple[Any, ...]:
        try:
            found = act()
        except EXPECTED as error:
            return pages.problem(told(error)), *(gr.skip() for _ in range(5))
        names = gr.Dropdown(choices=[name for name, _ in found.teachers], value=[])
        return *fill(request, 1, ("", [], -1.0, 0.0, 120.0)), names

    def open_named(request: gr.Request, wanted: str | None) -> tuple[Any, ...]:
        return opened(request, lambda: tab.open(key(request), wanted or ""))

    def open_own(request: gr.Request, *numbers: Any) -> tuple[Any, ...]:
        return opened(request, lambda: tab.open_own(key(request), named(numbers)))

    def search(request: gr.Request, *values: Any) -> tuple[Any, ...]:
        return fill(request, 1, values)

    def turn(step: int) -> Any:
        def turned(request: gr.Request, number: int, *values: Any) -> tuple[Any, ...]:
            return fill(request, number + step, values)

        return turned

    work: dict[str, Any] = {"concurrency_id": "look", "concurrency_limit": 4, **STYLE}
    gr.on([go.click], open_named, name, [*shown, teachers], **work)
    own.click(open_own, sliders, [*shown, teachers], **work)
    changed = [words.submit, teachers.input, low.release, short.release, long.release]
    gr.on(changed, search, filters, shown, **work)
    for button, step in ((back, -1), (on, 1)):
        button.click(turn(step), [at, *filters], shown, **work)


def models_tab(desk: Desk, models: list[Any]) -> None:
    """Which models play; the choice holds for the other tabs until the page is closed."""
    choices, default = desk.choices, desk.choices.default
    gr.HTML(pages.models(choices), apply_default_css=False)
    student = gr.Dropdown(
        list(choices.students), value=default.student or choices.students[-1], label="Student",
        allow_custom_value=choices.free,
    )  # fmt: skip
    teachers = gr.CheckboxGroup(list(choices.teachers), value=list(default.teachers), label="Teachers")
    selector = gr.Dropdown(
        list(choices.selectors), value=default.selector, label="Selector", allow_custom_value=choices.free
    )
    said = gr.HTML(apply_default_css=False)

    def choose(one: str, many: list[str], two: str) -> tuple[Any, ...]:
        try:
            cast = choices.cast(one, many, two)
        except EXPECTED as error:
            return gr.skip(), gr.skip(), gr.skip(), pages.problem(told(error))
        return cast.student or choices.students[-1], list(cast.teachers), cast.selector, ""

    for box in (student, teachers, selector):
        box.change(choose, [student, teachers, selector], [*models, said], **STYLE)


def given_video(desk: Desk, kind: Kind, label: str) -> tuple[Any, Any, Any]:
    """Where a video is given: the box for uploads, its player, the shelf of examples."""
    seen = gr.HTML(elem_id=f"p-{kind}-seen", apply_default_css=False)
    upload = gr.File(label=label, file_types=VIDEOS, height=132, elem_id=f"p-{kind}-upload")
    films = desk.examples.get(kind)
    shelf = None
    if films:
        shelf = gr.HTML(
            pages.examples(films), js_on_load=EXAMPLES_JS, apply_default_css=False, elem_id=f"p-{kind}-shelf"
        )
    return upload, seen, shelf


def slider(desk: Desk, name: str) -> Any:
    """A threshold as the default rules have it."""
    label, low, high, step = LABELS[name]
    return gr.Slider(low, high, getattr(desk.choices.default.split().rules, name), step=step, label=label)


def named(numbers: Any) -> dict[str, float]:
    """The values of the sliders by the names of the rules; one whose box was emptied stays as the rules have it."""
    return {name: float(value) for name, value in zip(SLIDERS, numbers, strict=True) if value is not None}


def chosen(models: Any) -> Chosen:
    """The models that the visitor chose."""
    student, teachers, selector = models
    return student, tuple(teachers or ()), selector


def filter_of(words: str, teachers: Any, low: float | None, short: float | None, long: float | None) -> Filter:
    """The filters; a slider at its end asks for nothing, nor does one whose box was emptied."""
    return Filter(
        words=words or "", teachers=tuple(teachers or ()), min_score=None if low is None or low <= -1 else low,
        min_seconds=None if short is None or short <= 0 else short,
        max_seconds=None if long is None or long >= 120 else long,
    )  # fmt: skip


def launch(desk: Desk, **options: Any) -> tuple[Any, str, str]:
    """Serve the page; ``options`` go to ``gr.Blocks.launch``.

    Only visitors' files and examples are served. Runs are recorded nowhere: their inputs may hold a token.
    """
    from starlette.middleware import Middleware

    # Gradio reads it whenever it looks for a file: nothing of a visitor lies anywhere else.
    os.environ["GRADIO_TEMP_DIR"] = str(desk.visits.root)
    demo = make_app(desk).queue(max_size=desk.limits.waiting, default_concurrency_limit=desk.limits.at_once)
    shelf = [film.path.parent for films in desk.examples.values() for film in films[:1]]
    doors = Middleware(Doors, root=desk.visits.root, shared=shelf)
    return demo.launch(
        css=(HERE / "page.css").read_text(encoding="utf-8"),
        head=f"<script>{(HERE / 'page.js').read_text(encoding='utf-8')}</script>",
        theme=theme(),
        allowed_paths=[str(folder) for folder in shelf],
        max_file_size=desk.limits.max_bytes,
        app_kwargs={
            "middleware": [Middleware(BodyLimit, max_bytes=desk.limits.max_bytes), doors],
            "routes": [upload_route(desk.visits)],
        },
        ssr_mode=False,
        footer_links=["api"],
        run_history=False,
        **options,
    )


def desk_from_environment() -> Desk:
    """The desk that the settings of a Space describe; see README.md."""
    datasets = [part.strip() for part in os.environ.get("PANDA_DATASETS", "").split(",") if part.strip()]
    free = os.environ.get("PANDA_OPEN") == "1" and "SPACE_ID" not in os.environ
    return Desk.open(
        Choices.from_environment(free=free),
        Limits.from_environment(),
        datasets=datasets,
        examples=HERE / "examples",
    )


def serve(desk: Desk, **options: Any) -> None:
    """Open the page, load the models beside it, and stay until Ctrl-C or until the system ends it."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)
    try:
        _, address, _ = launch(desk, prevent_thread_lock=True, quiet=True, **options)
        print(f"Open {address} (stop with Ctrl-C)", flush=True)
        CaptionTab(desk).warm_up()
        while True:
            time.sleep(3600)
    finally:
        desk.visits.close()


def end(number: int, frame: object) -> None:
    """End as by Ctrl-C, so that the visitors' files go."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    serve(desk_from_environment())
