"""Edit parts of a dataset card, a configuration or a marked section, and leave every other byte as it was."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from panda_hf.errors import OutputError
from panda_hf.publishing import wording
from panda_hf.publishing.config_items import dumped, with_item, without_item

CARD = "README.md"
_SEAL = "<!-- written by panda_hf, digest "
_FRONT = re.compile(r"\A(\ufeff?---[ \t]*\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE)


def update_card(
    folder: Path, configs: Sequence[Mapping[str, Any]], sections: Mapping[str, str], *, gone: Iterable[str] = ()
) -> Path:
    """Add or replace configurations and sections of a folder's card; make a card where there is none.

    A card that this package wrote, and nobody edited since, stays one: it is sealed anew.

    Args:
        folder: a dataset repository.
        configs: entries of the front matter's ``configs``, each with a ``config_name``.
        sections: Markdown by the name of the section; an empty text takes the section away.
        gone: names of configurations that are taken out first.

    Returns:
        The path of the card.

    Raises:
        OutputError: when the card's front matter is not valid YAML, or it cannot be written; it stays as it was then.
    """
    path = folder / CARD
    try:
        whole = read_text(path) if path.exists() else f"# {wording.markdown(folder.resolve().name, 100)}\n"
        text, sealed = unsealed(whole)
        for name in gone:
            text = without_config(text, name)
        text = with_parts(text, configs, sections)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise OutputError(f"{path} cannot be edited: {_said(error)}. Mend it by hand, then try again.") from error
    new = text + seal(text) if sealed else text
    if not path.exists() or new != whole:
        try:
            write_text(path, new)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error}") from error
    return path


def with_parts(text: str, configs: Sequence[Mapping[str, Any]], sections: Mapping[str, str]) -> str:
    """A card, without seal, with these configurations and sections added or replaced.

    Raises:
        ValueError: when its front matter is not a YAML mapping whose ``configs`` is a list.
    """
    for config in configs:
        text = with_config(text, config)
    for name, markdown in sections.items():
        text = with_section(text, name, markdown)
    return text


def front_matter(text: str) -> dict[str, Any]:
    """What the front matter of a card says; empty where there is none.

    Raises:
        ValueError: when it is not a YAML mapping.
    """
    match = _FRONT.match(text)
    front = yaml.safe_load(match[2]) if match else None
    if front is not None and not isinstance(front, dict):
        raise ValueError(f"the front matter is {type(front).__name__}, not names with values")
    return front or {}


def parted(text: str) -> tuple[str, str]:
    """The front matter of a card with its dashes, empty where there is none, and the rest."""
    match = _FRONT.match(text)
    return (text[: match.end()], text[match.end() :]) if match else ("", text)


def config_names(text: str) -> list[str]:
    """The configurations that a card's front matter names, in its order."""
    return [config["config_name"] for config in listed_configs(text)]


def listed_configs(text: str) -> list[dict[str, Any]]:
    """The configurations that a card's front matter names, each with ``config_name`` as text.

    Raises:
        ValueError: when the front matter is not a YAML mapping whose ``configs`` is a list.
    """
    listed = front_matter(text).get("configs") or []
    if not isinstance(listed, list):
        raise ValueError("`configs` in the front matter is not a list")
    named = (config for config in listed if isinstance(config, dict) and "config_name" in config)
    return [{**config, "config_name": str(config["config_name"])} for config in named]


def with_config(text: str, config: Mapping[str, Any]) -> str:
    """A card whose front matter lists ``config``, in place of the one of that name or as the last one.

    Raises:
        ValueError: when the front matter is not a YAML mapping whose ``configs`` is a list.
    """
    config_names(text)
    match = _FRONT.match(text)
    if match is None:
        return f"---\n{dumped({'configs': [dict(config)]})}---\n\n{text}"
    return _with_front(text, match, with_item(match[2].replace("\r\n", "\n"), dict(config)))


def without_config(text: str, name: str) -> str:
    """A card whose front matter does not list the configuration of that name, whether or not it did.

    Raises:
        ValueError: when the front matter is not a YAML mapping whose ``configs`` is a list.
    """
    match = _FRONT.match(text)
    if match is None or name not in config_names(text):
        return text
    return _with_front(text, match, without_item(match[2].replace("\r\n", "\n"), name))


def with_section(text: str, name: str, markdown: str) -> str:
    """A card with a marked section, in place of the one of that name or at the end; an empty text takes it away.

    ``markdown`` must hold no untrusted text that was not escaped.
    """
    start, end = f"<!-- panda_hf: {name} -->", f"<!-- end of panda_hf: {name} -->"
    newline = "\r\n" if "\r\n" in text else "\n"
    block = "\n".join([start, markdown.strip().replace("-->", "-- >"), end]).replace("\n", newline)
    pattern = re.compile(rf"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if not markdown.strip():
        return re.sub(rf"(?:\r?\n)?{pattern.pattern}(?:\r?\n)?", "", text, flags=re.DOTALL)
    if pattern.search(text):
        return pattern.sub(lambda _: block, text, count=1)
    return text + ("" if text.endswith("\n") or not text else newline) + newline + block + newline


def has_section(text: str, name: str) -> bool:
    """Whether a card has a marked section of this name."""
    return f"<!-- panda_hf: {name} -->" in text


def seal(text: str) -> str:
    """The last line of a card of ours, by which an edit by hand is noticed."""
    return f"\n{_SEAL}{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:16]} -->\n"


def unsealed(whole: str) -> tuple[str, bool]:
    """A card without its seal, and whether the seal is there and right: nobody edited the card by hand."""
    text, mark, _ = whole.rpartition("\n" + _SEAL)
    return (text, True) if mark and whole == text + seal(text) else (whole, False)


def edited(path: Path) -> bool:
    """Whether a card is there that is not, character for character, one that we wrote."""
    if not path.exists():
        return False
    try:
        return not unsealed(read_text(path))[1]
    except UnicodeDecodeError:
        return True


def read_text(path: Path) -> str:
    """A card's text with its line ends as they are."""
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def write_text(path: Path, text: str) -> None:
    """Write a card so that it appears whole; characters that UTF-8 cannot hold become question marks."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with open(unfinished, "w", encoding="utf-8", errors="replace", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _with_front(text: str, match: re.Match[str], front: str) -> str:
    """A card with another front matter, in the card's own line ends."""
    opening, _, closing = match.groups()
    return opening + front.replace("\n", "\r\n" if "\r\n" in opening else "\n") + closing + text[match.end() :]


def _said(error: Exception) -> str:
    return wording.clean(getattr(error, "problem", None) or error, 300)
