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

CARD = "README.md"
_SEAL = "<!-- written by panda_hf, digest "
_FRONT = re.compile(r"\A(\ufeff?---[ \t]*\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE)
_ITEM = re.compile(r"^[ \t]*-(?=\s)", re.MULTILINE)


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
        return f"---\n{_dumped({'configs': [dict(config)]})}---\n\n{text}"
    return _with_front(text, match, _with_item(match[2].replace("\r\n", "\n"), dict(config)))


def without_config(text: str, name: str) -> str:
    """A card whose front matter does not list the configuration of that name, whether or not it did.

    Raises:
        ValueError: when the front matter is not a YAML mapping whose ``configs`` is a list.
    """
    match = _FRONT.match(text)
    if match is None or name not in config_names(text):
        return text
    return _with_front(text, match, _without_item(match[2].replace("\r\n", "\n"), name))


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


def _with_item(front: str, config: dict[str, Any]) -> str:
    """Front matter with ``config`` among its ``configs``.

    Only that item's lines change where ``configs`` is a plain list; one in other notation (braces, anchors) is
    written anew, at the end.
    """
    meant = yaml.safe_load(front) or {}
    listed = list(meant.get("configs") or [])
    names = [item.get("config_name") if isinstance(item, dict) else None for item in listed]
    place = names.index(config["config_name"]) if config["config_name"] in names else len(listed)
    listed[place : place + 1] = [config]
    root = yaml.compose(front, Loader=yaml.SafeLoader)
    ways = (_item_placed(front, root, config, place), _list_rewritten(front, root, listed))
    return _sound(ways, {**meant, "configs": listed})


def _without_item(front: str, name: str) -> str:
    """Front matter without the item of that name among its ``configs``; edited as in ``_with_item``."""
    meant = yaml.safe_load(front)
    names = [item.get("config_name") if isinstance(item, dict) else None for item in meant["configs"]]
    place = names.index(name)
    left = [item for i, item in enumerate(meant["configs"]) if i != place]
    root = yaml.compose(front, Loader=yaml.SafeLoader)
    return _sound((_item_removed(front, root, place), _list_rewritten(front, root, left)), {**meant, "configs": left})


def _sound(ways: Iterable[str | None], meant: Mapping[str, Any]) -> str:
    """The first of these texts that YAML reads as what is meant."""
    for text in ways:
        if text is not None and yaml.safe_load(text) == meant:
            return text
    raise ValueError("its `configs` are noted in a way that this program cannot edit")


def _plain_items(root: Any) -> list[Any]:
    """The items of ``configs`` where they are a plain list, one dash each; none where they are noted otherwise."""
    configs = _value(root, "configs")
    if not isinstance(configs, yaml.SequenceNode) or configs.flow_style:
        return []
    if any(item.start_mark.index < configs.start_mark.index for item in configs.value):  # repeats an anchored value
        return []
    return configs.value


def _item_removed(front: str, root: Any, place: int) -> str | None:
    items = _plain_items(root)
    if len(items) < 2:
        return None
    start = front.rfind("\n", 0, _dash(front, items[place])) + 1
    return front[:start] + front[_end(front, items[place]) :]


def _item_placed(front: str, root: Any, config: dict[str, Any], place: int) -> str | None:
    items = _plain_items(root)
    if not items:
        return None
    dashes = [_dash(front, item) for item in items]
    item = _indented(config, dashes[0] - front.rfind("\n", 0, dashes[0]) - 1)
    end = _end(front, items[min(place, len(dashes) - 1)])
    start = front.rfind("\n", 0, dashes[place]) + 1 if place < len(dashes) else end
    return _line_end(front[:start]) + item + front[end:]


def _list_rewritten(front: str, root: Any, listed: list[Any]) -> str:
    configs = _value(root, "configs")
    if configs is not None:
        starts = [*(key.start_mark.index for key, _ in root.value), len(front)]
        place = [value for _, value in root.value].index(configs)
        on_one_line = configs.start_mark.line == configs.end_mark.line
        front = front[: starts[place]] + front[_end(front, configs) if on_one_line else starts[place + 1] :]
    return _line_end(front) + _dumped({"configs": listed})


def _value(root: Any, name: str) -> Any:
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def _dash(front: str, item: Any) -> int:
    """Where the dash of a list's item stands."""
    return [match.end() - 1 for match in _ITEM.finditer(front, 0, item.start_mark.index)][-1]


def _end(front: str, node: Any) -> int:
    """Where the line ends on which a value ends; YAML itself counts the comments that follow to a block."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end = node.end_mark.index
    if end and front[end - 1] == "\n":  # a block of text, whose end is the start of the next line
        return end
    newline = front.find("\n", end)
    return len(front) if newline < 0 else newline + 1


def _indented(config: dict[str, Any], columns: int) -> str:
    return "".join(" " * columns + line + "\n" for line in _dumped([config]).splitlines())


def _dumped(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)


def _line_end(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _said(error: Exception) -> str:
    return wording.clean(getattr(error, "problem", None) or error, 300)
