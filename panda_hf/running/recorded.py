"""From what a manifest says of the steps back to the steps."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import types
import typing
from collections.abc import Sequence
from typing import Any

from panda_hf.clips import explode_clips
from panda_hf.errors import OutputError
from panda_hf.running.manifest import step_differences
from panda_hf.running.plan import Step, description
from panda_hf.stage import Row, Stage

_ROOMS = ("panda_hf.pipeline", "panda_hf.rights", "panda_hf.running.cut")
"""Importing them defines every stage of this package that a run may hold."""


def recorded_steps(described: Sequence[Row]) -> list[Step]:
    """The steps of a run, from its manifest; only stages of this package, made of plain values.

    Raises:
        OutputError: when a step is none of this package's, or would not be what it was; give the steps yourself then.
    """
    steps = [_step(record) for record in described]
    differences = step_differences(list(described), [description(step) for step in steps])
    if differences:
        raise OutputError(
            f"the steps of this dataset cannot be made again from its manifest: {'; '.join(differences)}. "
            f"Give them from Python, as steps="
        )
    return steps


def _step(record: Row) -> Step:
    if record["name"] == "explode_clips":
        return explode_clips
    name = record["name"].partition("(")[0]
    kind = _stages().get(name)
    if kind is None:
        raise OutputError(f"{record['name']!r} is no stage of panda_hf; give the steps from Python, as steps=")
    try:
        return typing.cast(Stage, _made(kind, record["settings"]))
    except (TypeError, ValueError, KeyError) as error:
        raise OutputError(
            f"{record['name']!r} cannot be made again from the manifest ({error}); give the steps from Python, "
            f"as steps="
        ) from error


@functools.cache
def _stages() -> dict[str, type[Stage]]:
    for room in _ROOMS:
        importlib.import_module(room)
    return {kind.__name__: kind for kind in _below(Stage) if kind.__module__.startswith("panda_hf.")}


def _below(kind: type[Any]) -> list[type[Any]]:
    return [one for child in kind.__subclasses__() for one in (child, *_below(child))]


def _made(kind: type[Any], settings: Row) -> Any:
    """A dataclass from the JSON values of its fields; those that were not recorded are as by default."""
    hints = typing.get_type_hints(kind)
    known = {field.name for field in dataclasses.fields(kind) if field.init}
    return kind(**{name: _value(value, hints[name]) for name, value in settings.items() if name in known})


def _value(value: Any, hint: Any) -> Any:
    """A JSON value as the type that a field is declared with."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return value if value is None else _value(value, _member(value, inner))
    if isinstance(value, list):
        made = [_value(one, _element(inner, i)) for i, one in enumerate(value)]
        return frozenset(made) if origin in (set, frozenset) else tuple(made)
    if isinstance(value, dict) and dataclasses.is_dataclass(hint):
        return _made(typing.cast(Any, hint), value)
    return value


def _member(value: Any, members: Sequence[Any]) -> Any:
    """The member of a union that a value is probably of."""
    fits = [dataclasses.is_dataclass(m) if isinstance(value, dict) else typing.get_origin(m) in (tuple, frozenset, set)
            for m in members]  # fmt: skip
    return next((member for member, fit in zip(members, fits, strict=True) if fit), type(value))


def _element(inner: Sequence[Any], i: int) -> Any:
    if not inner:
        return Any
    return inner[0] if len(inner) == 1 or inner[-1] is Ellipsis else inner[min(i, len(inner) - 1)]
