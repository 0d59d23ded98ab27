"""The card of a built benchmark corpus."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import yaml
from jinja2 import Environment, StrictUndefined

from panda_hf import __version__
from panda_hf.corpora.build import CorpusSummary, config_entries
from panda_hf.publishing import wording
from panda_hf.publishing.card import size_category


@dataclass(frozen=True, kw_only=True)
class About:
    """What a card says of a corpus whoever builds it. Markdown of our own, no untrusted text."""

    title: str
    what: str
    configs: dict[str, str]
    """What each configuration is for: which papers report on it, and how."""
    source: str
    license: str
    """As the Hub spells it; ``other`` or ``unknown`` where it has no word for it."""
    terms: str
    citation: str
    languages: tuple[str, ...] = ("en",)


def render_card(about: About, summary: CorpusSummary) -> str:
    """The text of ``README.md``: front matter for ``load_dataset`` and the Hub, then Markdown."""
    videos = max(sum(part.videos for part in parts.values()) for parts in summary.splits.values())
    front = {
        "pretty_name": about.title,
        "license": about.license,
        "language": list(about.languages),
        "task_categories": ["video-text-to-text", "text-to-video"],
        "tags": ["video", "video-captioning", "video-retrieval", "panda_hf"],
        "size_categories": [size_category(videos)],
        "configs": config_entries(summary),
    }
    template = (files("panda_hf.corpora") / "card.md.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters.update(number="{:,}".format, markdown=wording.markdown)
    body = environment.from_string(template).render(about=about, summary=summary, version=__version__)
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n{body}"
