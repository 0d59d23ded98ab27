"""`panda-hf space` as a process of its own, while a test runs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.spaces.test_annotate import free_port


@dataclass(frozen=True)
class Running:
    """A page that is served."""

    address: str
    process: subprocess.Popen

    def processes(self) -> dict[int, int]:
        """The most memory that the server and each of its decoders had at once, in bytes, by process id (Linux)."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                group = int(stat.read_text().rpartition(")")[2].split()[2])
                peak = re.search(r"VmHWM:\s*(\d+) kB", stat.with_name("status").read_text())
            except OSError:  # it has just ended
                continue
            if group == self.process.pid and peak is not None:
                found[int(stat.parent.name)] = int(peak[1]) * 2**10
        return found


@contextmanager
def running(environment: dict[str, str], log: Path, *arguments: str) -> Iterator[Running]:
    """The page; what it says on the way goes to ``log``."""
    command = [sys.executable, "-m", "panda_hf", "space", *arguments, "--port", str(free_port())]
    with open(log, "w") as errors:
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, process_group=0
        )
    assert server.stdout is not None
    try:
        found = re.search(r"Open (http://\S+)", server.stdout.readline())
        assert found is not None, log.read_text()
        yield Running(found.group(1), server)
    finally:
        server.kill()
        server.wait()
