"""A process that scores a share of the items: pickled items and lexicon come in, pickled statistics go out.

Processes of `multiprocessing` would run the caller's main module once more (spawn) or copy threads' locks (fork).
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from .matching import Lexicon
from .scoring import Item, score_items

# Half a second of work: twice what a process takes to start.
_PAIRS_THAT_PAY = 15_000


def score_in_processes(items: Sequence[Item], lexicon: Lexicon, workers: int | None) -> list[list[float]]:
    """Statistics of all items; `workers=None` means all cores, as far as a share is worth starting a process for."""
    if workers is None:
        pairs = sum(len(references) for _, references in items)
        workers = max(
            1,
            min(
                len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
                pairs // _PAIRS_THAT_PAY,
            ),
        )
    workers = min(workers, len(items))
    if workers <= 1:
        return score_items(items, lexicon)
    rows: list[list[float]] = [[]] * len(items)
    with ThreadPoolExecutor(workers - 1) as threads:
        others = [threads.submit(_elsewhere, items[share::workers], lexicon) for share in range(1, workers)]
        rows[::workers] = score_items(items[::workers], lexicon)
        for share, other in enumerate(others, start=1):
            rows[share::workers] = other.result()
    return rows


def _elsewhere(items: Sequence[Item], lexicon: Lexicon) -> list[list[float]]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ran = subprocess.run(
        [sys.executable, "-m", __name__], input=pickle.dumps((items, lexicon)), capture_output=True, env=environment
    )
    if ran.returncode:
        raise RuntimeError(
            f"a worker of METEOR ended with {ran.returncode}: {ran.stderr.decode(errors='replace')[-500:]}"
        )
    return pickle.loads(ran.stdout)


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(score_items(*pickle.load(sys.stdin.buffer))))
