"""To the Hub: what of a folder may be published, how it reads there, and how it gets there whole."""

from panda_hf.publishing.hub.publish import PushSummary, push

__all__ = ["PushSummary", "push"]
