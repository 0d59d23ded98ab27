"""Which stages sit together, and what each place needs of the machines: pure arithmetic, before anything starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panda_hf.errors import PandaError
from panda_hf.running.plan import Plan, gives_frames, looks_at_frames
from panda_hf.stage import Resources, Stage

Asked = Mapping[str, Mapping[str, Any]]
"""Resources by the name of a stage, in place of what it declares; ``seat`` names who sits together."""
_KEYS = (*(field.name for field in dataclasses.fields(Resources)), "seat")


class ResourcesError(PandaError, ValueError):
    """What the stages need is not there, or was said wrongly."""


@dataclass(frozen=True)
class Cluster:
    """What a cluster has."""

    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True)
class Seat:
    """Stages that a worker runs one after the other on a video, in one process."""

    numbers: tuple[int, ...]
    """Places of the stages in ``plan.video_stages`` or ``plan.clip_stages``."""
    resources: Resources
    of_video: bool = False
    """Whether they come before ``explode_clips``, which then belongs to this seat."""
    decodes: tuple[int, ...] = ()
    """Places of stages of an earlier seat that run here once more, since frames do not travel."""
    pictures: bool = False
    """Whether the pictures of the clips are made here."""

    @property
    def actors(self) -> int:
        """How many workers there are."""
        assert self.resources.actors is not None
        return self.resources.actors

    def stages(self, plan: Plan) -> tuple[Stage, ...]:
        """The stages, those that run once more first."""
        all_stages = plan.video_stages if self.of_video else plan.clip_stages
        return tuple(all_stages[number] for number in (*self.decodes, *self.numbers))

    def called(self, plan: Plan) -> str:
        """The names of its stages."""
        return ", ".join(stage.name for stage in self.stages(plan)) or "explode_clips"


def seats_of(plan: Plan, cluster: Cluster, asked: Asked | None = None) -> list[Seat]:
    """The places that videos go through, in order.

    Stages before ``explode_clips`` are one seat. After it each stage that needs a GPU has a seat of its own;
    neighbours that need none share one, and so do neighbours of which ``asked`` says the same ``seat``. Whoever gives
    frames sits with the next stage, and runs once more on every later seat that looks at frames.

    Args:
        plan: the steps.
        cluster: what there is; workers that nobody counted share it evenly.
        asked: resources in place of the declared ones, by name of a stage.

    Raises:
        ResourcesError: a name or key is unknown, or the machines do not suffice for one worker on each seat.
    """
    asked = _checked(plan, asked or {})
    first = Seat(tuple(range(len(plan.video_stages))), _joined(plan.video_stages, asked, cluster), of_video=True)
    seats = [first]
    for group in _groups(plan.clip_stages, asked, cluster):
        stages = [plan.clip_stages[number] for number in group]
        earlier = [n for seat in seats if not seat.of_video for n in seat.numbers if gives_frames(plan.clip_stages[n])]
        decodes = tuple(earlier) if any(map(looks_at_frames, stages)) else ()
        made = any(seat.pictures for seat in seats)
        pictures = plan.thumbnails and not made and any(map(gives_frames, stages))
        seats.append(Seat(tuple(group), _joined(stages, asked, cluster), decodes=decodes, pictures=pictures))
    return _counted(plan, seats, cluster)


def _checked(plan: Plan, asked: Asked) -> Asked:
    names = {stage.name for stage in (*plan.video_stages, *plan.clip_stages)}
    if unknown := sorted(set(asked) - names):
        raise ResourcesError(f"resources for {unknown}, but there is no such stage; the stages are {sorted(names)}")
    for name, values in asked.items():
        if not isinstance(values, Mapping) or (wrong := sorted(set(values) - set(_KEYS))):
            said = wrong if isinstance(values, Mapping) else values
            raise ResourcesError(f"resources of {name}: {said!r} is not understood; expected any of {list(_KEYS)}")
    return asked


def _resources(stage: Stage, asked: Asked, cluster: Cluster) -> Resources:
    """What a stage declares, or what was asked for; a GPU is only declared where there is one."""
    declared = stage.resources if cluster.gpus else dataclasses.replace(stage.resources, num_gpus=0.0)
    given = {key: value for key, value in asked.get(stage.name, {}).items() if key != "seat"}
    try:
        return dataclasses.replace(declared, **given)
    except (TypeError, ValueError) as error:
        raise ResourcesError(f"resources of {stage.name}: {error}") from error


def _groups(stages: Sequence[Stage], asked: Asked, cluster: Cluster) -> list[list[int]]:
    groups: list[list[int]] = []
    for number, stage in enumerate(stages):
        before = stages[number - 1] if number else None
        if before is not None and (gives_frames(before) or _together(before, stage, asked, cluster)):
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _together(before: Stage, stage: Stage, asked: Asked, cluster: Cluster) -> bool:
    seats = [asked.get(one.name, {}).get("seat") for one in (before, stage)]
    if seats != [None, None]:
        return seats[0] == seats[1]
    both = [_resources(one, asked, cluster) for one in (before, stage)]
    return not any(one.num_gpus or one.actors for one in both)


def _joined(stages: Sequence[Stage], asked: Asked, cluster: Cluster) -> Resources:
    """Of stages that sit together: the most that one of them needs, since they take turns."""
    each = [_resources(stage, asked, cluster) for stage in stages] or [Resources()]
    sizes = [one.batch_size for one in each if one.batch_size is not None]
    actors = [one.actors for one in each if one.actors is not None]
    return Resources(
        num_cpus=max(one.num_cpus for one in each),
        num_gpus=max(one.num_gpus for one in each),
        batch_size=min(sizes) if sizes else None,
        actors=max(actors) if actors else None,
    )


def _counted(plan: Plan, seats: list[Seat], cluster: Cluster) -> list[Seat]:
    """The seats with a number of workers each."""
    told = [seat for seat in seats if seat.resources.actors is not None]
    cpus = cluster.cpus - sum(seat.actors * seat.resources.num_cpus for seat in told)
    gpus = cluster.gpus - sum(seat.actors * seat.resources.num_gpus for seat in told)
    free = [seat for seat in seats if seat.resources.actors is None]
    counted = []
    for seat in seats:
        if seat.resources.actors is None:
            shares = [_share(cpus, seat.resources.num_cpus, len(free))]
            if seat.resources.num_gpus:
                of_gpu = sum(1 for one in free if one.resources.num_gpus)
                shares.append(_share(gpus, seat.resources.num_gpus, of_gpu))
            actors = max(1, min(shares))
            seat = dataclasses.replace(seat, resources=dataclasses.replace(seat.resources, actors=actors))
        counted.append(seat)
    _check_room(plan, counted, cluster)
    return counted


def _share(there: float, each: float, among: int) -> int:
    return int(there / among / each) if each else 2**31


def _check_room(plan: Plan, seats: list[Seat], cluster: Cluster) -> None:
    cpus = sum(seat.actors * seat.resources.num_cpus for seat in seats)
    gpus = sum(seat.actors * seat.resources.num_gpus for seat in seats)
    if cpus <= cluster.cpus + 1e-6 and gpus <= cluster.gpus + 1e-6:
        return
    needs = "; ".join(
        f"{seat.called(plan)}: {seat.actors} of {seat.resources.num_cpus:g} CPU, {seat.resources.num_gpus:g} GPU"
        for seat in seats
    )
    raise ResourcesError(
        f"the workers need {cpus:g} CPUs and {gpus:g} GPUs, the cluster has {cluster.cpus:g} and {cluster.gpus:g} "
        f"({needs}). Give less num_cpus, num_gpus or actors, or stages the same seat."
    )
