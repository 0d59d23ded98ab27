"""The command that is running, as a record of the run tells it."""

from __future__ import annotations

import os
import shlex
import sys


def command_line(*folders: str | os.PathLike[str]) -> str:
    """What was typed after the prompt, without paths of this machine.

    Args:
        folders: that it names; their own names stay.
    """
    from panda_hf.publishing.hub.scrub import Scrub

    return Scrub.of(*folders)(shlex.join(["panda-hf", *sys.argv[1:]]))
