"""The items of `configs` in the YAML of a front matter, edited in place: other lines and remarks stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

_ITEM = re.compile(r"^[ \t]*-(?=\s)", re.MULTILINE)


def with_item(front: str, config: dict[str, Any]) -> str:
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


def without_item(front: str, name: str) -> str:
    """Front matter without the item of that name among its ``configs``; edited as in ``with_item``."""
    meant = yaml.safe_load(front)
    names = [str(item.get("config_name")) if isinstance(item, dict) else None for item in meant["configs"]]
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
    return _line_end(front) + dumped({"configs": listed})


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
    return "".join(" " * columns + line + "\n" for line in dumped([config]).splitlines())


def dumped(value: object) -> str:
    """YAML in the order given, one entry a line."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)


def _line_end(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
