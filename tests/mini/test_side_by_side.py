"""Helping processes: results in order, failures with their reason, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from panda_hf.errors import PandaError
from panda_hf.mini.side_by_side import helpers, results

SCRIPT = """
import os, signal, time
from panda_hf.mini.side_by_side import helpers

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
    with helpers(2) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


def _fail(said: str) -> None:
    raise PandaError(said)


def test_one_worker_is_this_process_and_fails_at_once() -> None:
    with helpers(1) as pool:
        assert results([pool.submit(os.getpid), pool.submit(abs, -3)]) == [os.getpid(), 3]
        with pytest.raises(PandaError, match="no clip 7"):
            pool.submit(_fail, "no clip 7")


def test_a_failure_says_its_reason_and_ends_what_still_runs() -> None:
    with pytest.raises(PandaError, match="no clip 7"), helpers(2) as pool:  # noqa: PT012
        assert results([pool.submit(abs, k) for k in (-2, 1)]) == [2, 1]
        others = pool.submit(time.sleep, 600)
        results([others, pool.submit(_fail, "no clip 7")])
    assert not active_children()


def test_a_process_that_dies_without_a_word_is_told() -> None:
    with pytest.raises(PandaError, match="one of 2 processes was ended from outside"), helpers(2) as pool:
        results([pool.submit(os._exit, 9)])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as first:
        assert first.stdout is not None
        helper = int(first.stdout.readline())
        first.send_signal(how)
        assert first.wait(60) != 0
    while _runs(helper):  # the test's own time limit ends this
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
