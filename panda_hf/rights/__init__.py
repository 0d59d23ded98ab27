"""What people may ask of a dataset: to be left out of it, not to be named in it, not to be insulted by it."""

from typing import TYPE_CHECKING, Any

from panda_hf.rights.opt_out import REASON, OptOut, video_key

if TYPE_CHECKING:
    from panda_hf.rights.harmful import MarkHarmful as MarkHarmful
    from panda_hf.rights.redact import Redact as Redact

__all__ = ["REASON", "MarkHarmful", "OptOut", "Redact", "video_key"]


def __getattr__(name: str) -> Any:
    """The stages, imported when they are asked for: a list of opt-outs needs no ``datasets``."""
    if name == "Redact":
        from panda_hf.rights.redact import Redact

        return Redact
    if name == "MarkHarmful":
        from panda_hf.rights.harmful import MarkHarmful

        return MarkHarmful
    raise AttributeError(f"module 'panda_hf.rights' has no attribute {name!r}")
