"""Under which licence a source shares its captions: a download passes that on."""

from __future__ import annotations

import logging
from pathlib import Path

import yaml

from panda_hf.publishing.card_parts import CARD, front_matter, read_text
from panda_hf.stage import Row

log = logging.getLogger(__name__)

_NAMES = ("license", "license_name", "license_link")
_UNKNOWN = "unknown"


def terms_of(source: str, out: Path) -> Row:
    """``license``, and ``license_name`` and ``license_link`` where they are stated; all unknown: that alone.

    Args:
        source: the folder of a dataset, a file (which states none), or a dataset on the Hub.
        out: the folder of the download, whose card says it when the Hub cannot be asked again.
    """
    path = Path(source)
    if path.is_dir():
        found = _stated(path / CARD)
    elif path.exists():
        found = {}
    else:
        found = _on_the_hub(source) or _stated(out / CARD)
    return found or {"license": _UNKNOWN}


def _stated(card: Path) -> Row:
    try:
        return _terms(front_matter(read_text(card)))
    except (OSError, ValueError, yaml.YAMLError):
        return {}


def _on_the_hub(source: str) -> Row:
    from huggingface_hub import HfApi

    try:
        card = HfApi().dataset_info(source, timeout=10).card_data
    except Exception as error:  # the licence is a courtesy: without it the card says that it is not known
        log.info("the licence of %s cannot be looked up: %s", source, error)
        return {}
    return _terms(card.to_dict() if card is not None else {})


def _terms(front: Row) -> Row:
    stated = {name: front[name] for name in _NAMES if isinstance(front.get(name), str)}
    return stated if stated.get("license", _UNKNOWN) != _UNKNOWN else {}
