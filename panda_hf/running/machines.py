"""What a run takes on other machines than this one: hours and money, from how much faster each stage is there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from panda_hf.errors import SourceError
from panda_hf.running.forecast import Forecast


@dataclass(frozen=True)
class Machines:
    """Machines of one kind that would do the run together."""

    name: str
    count: int = 1
    workers: int = 1
    """Worker processes on each."""
    dollars_per_hour: float | None = None
    """Of one machine; ``None``: not asked."""
    speed: dict[str, float] = field(default_factory=dict)
    """How many times as fast as one process of the machine that the trial ran on, by stage; ``Caption`` stands for all
    ``Caption(…)``. A stage that is not named is as fast as here."""

    def __post_init__(self) -> None:
        for name, value in (("count", self.count), ("workers", self.workers)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value!r}: expected a whole number, at least 1")
        for what, number in {"dollars_per_hour": self.dollars_per_hour or 0.0, **self.speed}.items():
            if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
                raise ValueError(f"{what}={number!r}: expected a number")
            if number < 0 or (what in self.speed and number == 0):
                raise ValueError(f"{what}={number!r}: expected more than 0")

    def speed_of(self, stage: str) -> float:
        """How many times as fast a stage is there."""
        return self.speed.get(stage, self.speed.get(stage.partition("(")[0], 1.0))


@dataclass(frozen=True)
class Bill:
    """What a run takes on some machines."""

    machines: Machines
    seconds: float
    """Wall time."""
    low: float | None
    high: float | None
    """The range that the trial leaves open; it knows nothing of whether the given speeds are right."""
    dollars: float | None
    bottleneck: str
    """The stage that takes the most time there."""
    guessed: tuple[str, ...]
    """Stages that are assumed to be as fast as here."""


def bill(found: Forecast, machines: Machines, videos: int) -> Bill:
    """A forecast for this machine, carried over to others.

    The work is shared out evenly, each worker loads its models once, and nothing waits for network or disk.

    Args:
        found: the forecast.
        machines: where the run would be.
        videos: of the run: there are no more workers than videos.
    """
    spent = {stage.name: stage.seconds / machines.speed_of(stage.name) for stage in found.stages}
    loading = sum(stage.load_seconds for stage in found.stages)
    side_by_side = min(machines.count * machines.workers, videos)
    seconds = sum(spent.values()) / side_by_side + loading
    here = sum(stage.seconds for stage in found.stages) / found.workers + loading
    scale = seconds / here if here else 0.0
    price = machines.dollars_per_hour
    return Bill(
        machines=machines,
        seconds=seconds,
        low=None if found.low is None else found.low * scale,
        high=None if found.high is None else found.high * scale,
        dollars=None if price is None else price * machines.count * seconds / 3600,
        bottleneck=max(spent, key=lambda stage: spent[stage]),
        guessed=tuple(name for name in spent if not {name, name.partition("(")[0]} & machines.speed.keys()),
    )


def read_machines(path: Path) -> list[Machines]:
    """The machines in a YAML or JSON file: a list of the fields of :class:`Machines`.

    Raises:
        SourceError: when it is not such a list; the message says which entry and why.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SourceError(f"the list of machines {path} cannot be read: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise SourceError(f"{path} is no list of machines; give one entry for each kind, with name, count, workers")
    return [_machines(path, number, entry) for number, entry in enumerate(entries, 1)]


def _machines(path: Path, number: int, entry: Any) -> Machines:
    known = {one.name for one in fields(Machines)}
    try:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ValueError("it needs a name")
        if strange := sorted(map(str, set(entry) - known)):
            raise ValueError(f"it has {strange}; known are {sorted(known)}")
        if not isinstance(entry.get("speed") or {}, dict):
            raise ValueError("speed must say a number for each stage")
        return Machines(**{**entry, "speed": entry.get("speed") or {}})
    except (TypeError, ValueError) as error:
        raise SourceError(f"{path}, entry {number}: {error}") from error


def table(bills: Sequence[Bill]) -> list[list[str]]:
    """Rows for printing, the head first."""
    from panda_hf.publishing.wording import length

    rows = [["machines", "time", "range", "machine hours", "money", "slowest"]]
    for one in bills:
        hours = one.seconds / 3600 * one.machines.count
        spread = "–" if one.low is None or one.high is None else f"{length(one.low)} to {length(one.high)}"
        money = "not given" if one.dollars is None else f"${one.dollars:,.2f}"
        name = f"{one.machines.count} × {one.machines.name}"
        rows.append([name, length(one.seconds), spread, f"{hours:,.1f}", money, one.bottleneck])
    return rows
