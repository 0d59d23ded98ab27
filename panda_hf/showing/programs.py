"""What programs call: the same as the page does, by three names; see the README of the Space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from panda_hf.errors import PandaError
from panda_hf.showing.arguments import TITLE_LETTERS, in_order, number_of, path_of, text_of, thresholds_of
from panda_hf.showing.collection import Filter
from panda_hf.showing.desk import EXPECTED, Desk, told
from panda_hf.showing.doors import COOKIE, door_of
from panda_hf.showing.student import Words
from panda_hf.showing.tab_caption import CaptionTab
from panda_hf.showing.tab_explore import CALL_ROWS, ExploreTab
from panda_hf.showing.tab_split import SplitTab

T = TypeVar("T")


def programs(desk: Desk) -> None:
    """The three calls. The boxes say what goes in and out; nobody sees them, and nothing but ours looks into them."""
    with gr.Row(visible=False):
        video, title, description, subtitle = gr.File(label="video"), *(gr.Textbox() for _ in range(3))
        dataset, words, teacher = (gr.Textbox() for _ in range(3))
        low, high, short, long, limit = (gr.Number() for _ in range(5))
        thresholds, answer, file = gr.JSON(), gr.JSON(), gr.File()
        first, second, third = (gr.Button() for _ in range(3))
    video.api_info()  # which is remembered: programs read there that a file is wanted
    video.data_model = None
    work: dict[str, Any] = {"concurrency_id": "work", "concurrency_limit": desk.limits.at_once, "preprocess": False}
    first.click(captioning(desk), [video, title, description, subtitle], answer, api_name="caption", **work)
    second.click(splitting(desk), [video, title, description, thresholds], [answer, file], api_name="split", **work)
    inputs = [dataset, words, teacher, low, high, short, long, limit]
    third.click(exploring(desk), inputs, answer, api_name="explore", concurrency_limit=4, preprocess=False)


def captioning(desk: Desk) -> Callable[..., dict]:
    """The call `/caption`."""
    tab = CaptionTab(desk)

    def caption_clip(
        request: gr.Request, video: Any, title: Any = "", description: Any = "", subtitle: Any = ""
    ) -> Any:
        """One clip: all candidates with scores, the chosen caption, the student's, each with and without the words."""
        return answered(
            lambda: tab.call(door(request), path_of("video", video), words_of(title, description, subtitle))
        )

    return caption_clip


def splitting(desk: Desk) -> Callable[..., tuple[dict, str]]:
    """The call `/split`."""
    tab = SplitTab(desk)

    def split_video(
        request: gr.Request, video: Any, title: Any = "", description: Any = "", thresholds: Any = None
    ) -> Any:
        """A long video: shots, dropped parts with reasons, captioned clips; and the dataset repository as a zip."""

        def act() -> tuple[dict, str]:
            known, changed = words_of(title, description, None), thresholds_of("thresholds", thresholds)
            rows, path = tab.call(door(request), path_of("video", video), known, changed)
            return rows, str(path)

        return answered(act)

    return split_video


def exploring(desk: Desk) -> Callable[..., dict]:
    """The call `/explore`."""
    tab = ExploreTab(desk)

    def explore_dataset(
        dataset: Any, words: Any = "", teacher: Any = "", min_score: Any = None, max_score: Any = None,
        min_seconds: Any = None, max_seconds: Any = None, limit: Any = 20,
    ) -> Any:  # fmt: skip
        """A dataset: the clips that fit."""

        def act() -> dict:
            scores = number_of("min_score", min_score), number_of("max_score", max_score)
            lengths = number_of("min_seconds", min_seconds, 0.0), number_of("max_seconds", max_seconds, 0.0)
            in_order("min_score", scores[0], "max_score", scores[1])
            in_order("min_seconds", lengths[0], "max_seconds", lengths[1])
            most = number_of("limit", limit, 0, CALL_ROWS, whole=True)
            wanted = Filter(
                words=text_of("words", words), teachers=tuple(filter(None, (text_of("teacher", teacher),))),
                min_score=scores[0], max_score=scores[1], min_seconds=lengths[0], max_seconds=lengths[1],
            )  # fmt: skip
            return tab.call(text_of("dataset", dataset), wanted, 20 if most is None else int(most))

        return answered(act)

    return explore_dataset


def words_of(title: Any, description: Any, subtitle: Any) -> Words:
    """What a program knows of a clip in words.

    Raises:
        SourceError: for what is no text.
    """
    return Words.of(
        text_of("title", title, TITLE_LETTERS), text_of("description", description), text_of("subtitle", subtitle)
    )


def door(request: gr.Request) -> str:
    """By which door a request came."""
    return door_of(request.cookies.get(COOKIE))


def answered(act: Callable[[], T]) -> T:
    """What ``act`` returns; what cannot be done is told to the program in words."""
    try:
        return act()
    except EXPECTED as error:
        raise gr.Error(told(error), print_exception=not isinstance(error, PandaError)) from None


def refuse_addresses(page: gr.Blocks) -> None:
    """Let no box of a page fetch an address: Gradio would load whatever a request names, of any size."""
    for box in page.blocks.values():
        if isinstance(box, gr.components.Component):
            box.async_move_resource_to_block_cache = _kept_here(box)  # type: ignore[method-assign, assignment]


def _kept_here(box: Any) -> Callable[[Any], Any]:
    move = box.async_move_resource_to_block_cache

    async def kept(path: Any) -> Any:
        if "://" in str(path):
            raise gr.Error(f"{str(path)[:60]!r} is an address. Upload the file itself.", print_exception=False)
        return await move(path)

    return kept
