"""Frames that were looked at."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.splitting import looks
from panda_hf.splitting.looks import Look, apart


def test_a_frame_is_described_once_and_only_if_it_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    described = []
    monkeypatch.setattr(looks, "describe", lambda yuv: described.append(yuv) or np.ones(3, np.float32))
    one, two, _ = (Look(i, np.full((2, 2, 3), i, np.uint8)) for i in range(3))
    assert apart(one, two) == apart(two, one) == 0.0
    assert [int(yuv[0, 0, 0]) for yuv in described] == [0, 1]
