"""Put many new files in place of old ones: after a crash at any moment, the rest of it can still be done."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from panda_hf.running.manifest import NAME as MANIFEST
from panda_hf.running.manifest import Manifest, sync_folder
from panda_hf.running.spool import sync

CHANGE = ".work/change"
"""Where the new files are until all of them are there, each below the folder of its shard under its final name."""
ORDER = "commit.json"


def begin_swap(out: Path, moves: dict[str, str], gone: list[str], records: list[dict[str, Any]]) -> None:
    """Write down what is to happen, and do it.

    Args:
        out: the output folder.
        moves: names of new files below ``CHANGE``, on disk already, to names in the output folder.
        gone: names in the output folder that are no longer.
        records: for the manifest; the last one has an ``id`` of its own.
    """
    order = out / CHANGE / ORDER
    unfinished = order.with_suffix(".new")
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump({"moves": moves, "gone": gone, "records": records}, file)
        sync(file)
    os.replace(unfinished, order)
    sync_folder(order.parent)
    finish_swap(out)


def finish_swap(out: Path) -> bool:
    """Do what is written down, or the rest of it.

    Returns:
        Whether anything was written down.
    """
    try:
        order = json.loads((out / CHANGE / ORDER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    for name, new in order["moves"].items():
        if (out / CHANGE / name).exists():
            (out / new).parent.mkdir(parents=True, exist_ok=True)
            os.replace(out / CHANGE / name, out / new)
    for name in order["gone"]:
        (out / name).unlink(missing_ok=True)
    for folder in {(out / name).parent for name in (*order["moves"].values(), *order["gone"])}:
        sync_folder(folder)
    books = Manifest.load(out / MANIFEST)
    if order["records"][-1]["id"] not in books.changes:
        books.append(*order["records"])
    done = out / f"{CHANGE}.done"
    shutil.rmtree(done, ignore_errors=True)
    os.replace(out / CHANGE, done)  # at once, or what is left of it would look like new files
    shutil.rmtree(done, ignore_errors=True)
    return True
