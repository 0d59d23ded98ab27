"""A page that just started: no network for the default models, two visitors before a model is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from panda_hf.models.checkpoints import shipped
from panda_hf.showing.cast import MINI_STUDENT
from tests.showing.closed_sockets import closed

pytest.importorskip("gradio", minversion="6")

VISIT = """
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from panda_hf.cli.space_module import space_module
from panda_hf.showing.cast import Choices
from panda_hf.showing.desk import Desk
from panda_hf.showing.limits import Limits
from panda_hf.showing.student import Words
from panda_hf.showing.tab_caption import CaptionTab

app = space_module("panda-captioner")
examples = Path(app.__file__).parent / "examples"
desk = Desk.open(Choices.from_environment({}), Limits(), examples=examples)
app.launch(desk, prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")

def visit(key):
    desk.example(key, "clip", 0)
    return list(CaptionTab(desk).caption(key, Words("A title", None, None), (None, (), None)))[-1]

with ThreadPoolExecutor(2) as pool:
    print(json.dumps(list(pool.map(visit, ("a", "b")))), flush=True)
desk.visits.close()
"""


def test_two_visitors_of_a_page_that_just_started_are_answered_without_a_network(tmp_path: Path) -> None:
    environment, tried = closed(tmp_path)
    code = f"{VISIT}import os; os._exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=250, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout.splitlines()[-1])
    for doing, html in answers:
        assert "p-problem" not in doing and 'id="chosen-title"' in html
        assert (MINI_STUDENT in shipped()) != ("No student is loaded" in html)
    assert not tried.exists(), tried.read_text()


def test_a_process_with_closed_sockets_tells_what_it_tried(tmp_path: Path) -> None:
    environment, tried = closed(tmp_path)
    code = "import socket; socket.create_connection(('panda.invalid', 443), timeout=5)"
    assert subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env=environment).returncode == 1
    assert tried.read_text() == "socket.getaddrinfo panda.invalid\n"
