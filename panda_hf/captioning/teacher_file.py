"""Teachers of one's own in a YAML file: the settings of `Caption` stages, by the teachers' names."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union

import yaml

from panda_hf.captioning.caption import Caption
from panda_hf.errors import SourceError

MAX_BYTES = 1 << 20
_NOT_SETTINGS = ("version", "teacher")
_KEYS = ("api_key", "key", "token", "access_token", "secret", "password", "authorization", "bearer", "headers")
"""What people call a key; one that stood in a file would be copied with it."""
_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
    list: "a list",
    dict: "a mapping",
}


class _Loader(yaml.SafeLoader):
    """Refuses a name that stands twice in a mapping, of which yaml would take the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value!r} stands there twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_teachers(path: str | Path) -> list[Caption]:
    """The teachers of a file, in its order; nothing is loaded, no server is asked.

    Each name is followed by fields of :class:`~panda_hf.captioning.Caption`; ``loading`` and ``endpoint`` are mappings
    of the fields of :class:`~panda_hf.models.loading.Loading` and
    :class:`~panda_hf.captioning.registry.endpoint.Endpoint`, pairs are mappings too::

        mine:
          family: image_text_to_text
          checkpoint: a/model
          sees: [video, subtitle]
        served:
          family: endpoint
          checkpoint: the/model
          endpoint: {url: "http://localhost:8000/v1", key_variable: MY_SERVER_KEY}

    Args:
        path: of the file, UTF-8.

    Raises:
        SourceError: when it cannot be read, or names a setting that there is none, or gives one a value of the wrong
            kind; a setting that makes no sense raises what :class:`~panda_hf.captioning.Caption` does, as this error.
    """
    path = Path(path)
    teachers = _parsed(path)
    if not isinstance(teachers, dict) or not teachers or not all(isinstance(name, str) for name in teachers):
        raise SourceError(f"{path}: expected names of teachers, each followed by its settings")
    return [_stage(name, settings, path) for name, settings in teachers.items()]


def _parsed(path: Path) -> Any:
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise SourceError(f"{path} has {len(data):,} bytes; a file of teachers has no more than {MAX_BYTES:,}")
        return yaml.load(data.decode(), Loader=_Loader)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise SourceError(f"{path}{place}: no YAML: {getattr(error, 'problem', None) or error}") from error


def _stage(name: str, settings: Any, path: Path) -> Caption:
    if not isinstance(settings, dict):
        raise SourceError(f"{path}: {name}: expected settings, such as `checkpoint: a/folder`")
    try:
        return _built(Caption, settings, name, {"teacher": name})
    except ValueError as error:
        raise SourceError(f"{path}: {error}") from error


def _built(kind: Any, given: Mapping[Any, Any], where: str, more: Mapping[str, Any] | None = None) -> Any:
    """A dataclass of these fields.

    Raises:
        ValueError: see :func:`read_teachers`.
    """
    fields = [field for field in dataclasses.fields(kind) if field.name not in _NOT_SETTINGS]
    known = [field.name for field in fields]
    for key in given:
        if key not in known:
            raise ValueError(f"{where}: {_unknown(key, known)}")
    for field in fields:
        if field.name not in given and field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where}: {field.name} is missing")
    hints = typing.get_type_hints(kind)
    values = {key: _value(hints[key], value, f"{where}.{key}") for key, value in given.items()}
    try:
        return kind(**values, **(more or {}))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _unknown(key: Any, known: Sequence[str]) -> str:
    if str(key).lower().replace("-", "_") in _KEYS:
        return (
            f"{key!r}: a key does not belong into a file; endpoint.key_variable is the name of an environment variable"
            f" that holds it"
        )
    near = difflib.get_close_matches(str(key), known, n=1)
    return f"there is no setting {key!r}; {f'did you mean {near[0]!r}?' if near else f'there are {sorted(known)}'}"


def _value(hint: Any, value: Any, where: str) -> Any:
    """``value`` as YAML knows it, as the type that a field asks for.

    Raises:
        ValueError: when it is of another kind; the value is not shown, it may be a secret in the wrong place.
    """
    for one in typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,):
        arguments = typing.get_args(one)
        if typing.get_origin(one) is Literal and value in arguments:
            return value
        if typing.get_origin(one) is tuple:
            if _is_pairs(one) and isinstance(value, dict):
                name, setting = typing.get_args(arguments[0])
                return tuple((_value(name, k, where), _value(setting, v, f"{where}.{k}")) for k, v in value.items())
            if not _is_pairs(one) and isinstance(value, list):
                return tuple(_value(arguments[0], item, where) for item in value)
        elif dataclasses.is_dataclass(one) and isinstance(value, dict):
            return _built(one, value, where)
        elif one is float and type(value) is int:
            return float(value)
        elif type(value) is one:
            return value
    expected = _in_words(hint)
    is_choice = isinstance(value, str) and expected.startswith("one of")
    found = repr(value[:20]) if is_choice else _WORDS.get(type(value), type(value).__name__)
    raise ValueError(f"{where}: expected {expected}, not {found}")


def _is_pairs(hint: Any) -> bool:
    """Whether it is ``tuple[tuple[str, Any], ...]``: a mapping that can be hashed."""
    return typing.get_origin(typing.get_args(hint)[0]) is tuple


def _in_words(hint: Any) -> str:
    if typing.get_origin(hint) in (Union, types.UnionType):
        kinds = [one for one in typing.get_args(hint) if one is not type(None)]
        return " or ".join(dict.fromkeys(map(_in_words, kinds)))
    if typing.get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, typing.get_args(hint)))}"
    if typing.get_origin(hint) is tuple:
        return "a mapping" if _is_pairs(hint) else f"a list of {_in_words(typing.get_args(hint)[0])}"
    return "a mapping" if dataclasses.is_dataclass(hint) else _WORDS.get(hint, str(hint))
