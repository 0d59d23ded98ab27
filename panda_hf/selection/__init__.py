"""Step 3: choose the best of the teachers' captions."""

from __future__ import annotations

from panda_hf.selection.choose import Choice, Decision, Scored, agreement, choose, decide, selective_rate
from panda_hf.selection.select import Select

__all__ = ["Choice", "Decision", "Scored", "Select", "agreement", "choose", "decide", "selective_rate"]
