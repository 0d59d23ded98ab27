"""Processes that reach this machine only: what else they try is refused and written down."""

from __future__ import annotations

import os
from pathlib import Path

_HOOK = """
import os, sys
NEAR = ("127.0.0.1", "::1", "localhost", "0.0.0.0", b"127.0.0.1", b"localhost", None, "")

def refuse(event, args):
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    if host not in NEAR:
        with open(os.environ["TRIED"], "a") as file:
            print(event, host, file=file)
        raise OSError(f"this test has no network, asked for {host}")

sys.addaudithook(refuse)
"""


def closed(folder: Path) -> tuple[dict[str, str], Path]:
    """The environment of a process without a network, and the file that names what it and its children tried."""
    (folder / "sitecustomize.py").write_text(_HOOK, encoding="utf-8")
    tried = folder / "tried.txt"
    kept = {
        name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    }
    root = str(Path(__file__).parents[2])
    return {**kept, "PYTHONPATH": os.pathsep.join((str(folder), root)), "TRIED": str(tried)}, tried
