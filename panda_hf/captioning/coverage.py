"""A shortlist as a table, as JSON and as files in a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from panda_hf.captioning.coverage_plot import coverage_svg
from panda_hf.captioning.shortlist import TIE_RULE, Shortlist
from panda_hf.errors import OutputError

JSON_NAME = "shortlist.json"
PLOT_NAME = "coverage.svg"


def as_table(chosen: Shortlist) -> str:
    """The shortlist as a Markdown table with the levels to compare it with below; shares are of all judged clips."""
    rows = [["order", "model", "own", "added", "union", "best possible"], ["---"] * 6]
    for order, (place, best) in enumerate(zip(chosen.places, chosen.optima, strict=True), 1):
        figures = [_share(chosen, n) for n in (place.own, place.added, place.union)]
        proven = _share(chosen, best.union) if best else "not found"
        rows.append([str(order), place.model.replace("|", "¦"), *figures, proven])
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    lines = ["| " + " | ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([f"{chosen.clips:,} clips, {chosen.models} models", *lines, *_levels(chosen)])


def as_dict(chosen: Shortlist) -> dict[str, Any]:
    """The shortlist for a JSON file; shares are of all judged clips, 0 to 1."""
    return {
        "clips": chosen.clips,
        "models": chosen.models,
        "best_single": {"model": chosen.places[0].model, "share": chosen.places[0].own / chosen.clips},
        "union_share": chosen.places[-1].union / chosen.clips,
        "all_models_share": chosen.covered / chosen.clips,
        "all_bad_share": 1 - chosen.covered / chosen.clips,
        "shortlist": [
            {
                "order": order,
                "model": place.model,
                "own_share": place.own / chosen.clips,
                "added_share": place.added / chosen.clips,
                "union_share": place.union / chosen.clips,
            }
            for order, place in enumerate(chosen.places, 1)
        ],
        "best_possible": [
            best and {"models": list(best.models), "union_share": best.union / chosen.clips} for best in chosen.optima
        ],
        "ties": TIE_RULE,
    }


def write_shortlist(
    chosen: Shortlist, out: str | os.PathLike[str], *, title: str, more: dict[str, Any] | None = None
) -> list[Path]:
    """Write ``shortlist.json`` and ``coverage.svg`` into a folder, which is made.

    Args:
        chosen: what to write.
        out: the folder; files of these names in it are replaced.
        title: of the picture.
        more: further entries of the JSON file.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    folder = Path(out)
    texts = {
        JSON_NAME: json.dumps({**(more or {}), **as_dict(chosen)}, indent=2, ensure_ascii=False) + "\n",
        PLOT_NAME: coverage_svg(chosen, title),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            unfinished = folder / f".{name}.{os.getpid()}"
            unfinished.write_text(text, encoding="utf-8")
            os.replace(unfinished, folder / name)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error}; choose another folder") from error
    return [folder / name for name in texts]


def _levels(chosen: Shortlist) -> list[str]:
    first, last = chosen.places[0], chosen.places[-1]
    lines = [
        f"best single: {first.model} {_share(chosen, first.own)}; the {len(chosen.places)} together: "
        f"{_share(chosen, last.union)}; all {chosen.models}: {_share(chosen, chosen.covered)}"
    ]
    lost = [order for order, best in enumerate(chosen.optima, 1) if best is None]
    if lost:
        lines.append(f"The best possible choice of {lost} was not found within the limit of the search.")
    return lines


def _share(chosen: Shortlist, clips: int) -> str:
    return f"{100 * clips / chosen.clips:.1f} %"
