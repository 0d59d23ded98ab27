"""The errors this package raises on purpose.

::

    PandaError                      base; every message says what was wrong, the value, and what to do
    ├── MissingColumnError          the dataset lacks a column that a stage reads
    ├── ContractError               a stage returned other columns or another number of rows than it declares
    ├── VideoError                  a video cannot be used; the message names the file and the cause
    ├── CheckpointError             a model cannot be loaded whole
    ├── CandidateError              what a teacher wrote of a clip is no caption
    ├── EndpointError               the server of a model refuses all requests, or its address cannot be used
    ├── SourceError                 what was given as input cannot be read, or holds no video
    ├── OutputError                 an output folder cannot be used for this run
    └── HubError                    the Hub refuses, cannot be reached, or holds something else than was sent
"""

from __future__ import annotations

import errno

NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""Numbers of those errors of the system that mean a full disk, a quota that is used up, or too big a file."""


class PandaError(Exception):
    """Base of every error this package raises on purpose."""


class MissingColumnError(PandaError, ValueError):
    """The dataset lacks a column that a stage reads."""


class ContractError(PandaError, RuntimeError):
    """A stage did not return what it declares: a mistake in the stage, not in the data."""


class VideoError(PandaError, ValueError):
    """A video cannot be used: missing, empty, not a video, no video stream, no frame that decodes."""


class CheckpointError(PandaError, ValueError):
    """A checkpoint is missing, incomplete or of another kind than asked for."""


class CandidateError(PandaError, ValueError):
    """What a teacher wrote of a clip is no caption: empty, a refusal, a loop. Other teachers may still know one."""


class EndpointError(PandaError, RuntimeError):
    """The server of a model refuses every request (key, name of the model), or its address cannot be used."""


class SourceError(PandaError, ValueError):
    """What was given as input cannot be read, or holds no video."""


class OutputError(PandaError, ValueError):
    """An output folder cannot be used: made with other settings, in use, or not ours."""


class HubError(PandaError, RuntimeError):
    """The Hub refuses, cannot be reached, or holds something else than was sent."""
