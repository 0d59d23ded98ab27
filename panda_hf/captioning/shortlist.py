"""From many models to few: which together are good on the most clips, by the paper's greedy cover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from panda_hf.errors import SourceError

TIE_RULE = (
    "Of models that add equally many clips the one that is good on more clips overall comes first, then the one whose "
    "name comes first in the alphabet."
)
MAX_NODES = 200_000
"""So many partial choices the search for the exact optimum looks at before it gives up, after some seconds."""
MANY_CLIPS = 5_000
"""Of more judged clips it looks at proportionally fewer."""


@dataclass(frozen=True)
class Judgements:
    """Which models' captions are good on which clips, in an order that does not matter."""

    clips: tuple[str, ...]
    """All judged clips, also those on which no caption is good."""
    good: Mapping[str, frozenset[str]]
    """Model to the clips on which its caption is good."""
    unjudged: int = 0
    """Pairs of clip and model without a judgement; they count as not good."""

    @property
    def models(self) -> tuple[str, ...]:
        """All models, by name."""
        return tuple(sorted(self.good))

    @property
    def covered(self) -> int:
        """Clips on which at least one model is good."""
        return len(frozenset().union(*self.good.values()))


@dataclass(frozen=True)
class Place:
    """One model of a shortlist. All counts are clips."""

    model: str
    own: int
    """On which it is good."""
    added: int
    """On which it is and none before it in the list."""
    union: int
    """On which it or one before it is."""


@dataclass(frozen=True)
class Optimum:
    """The best choice of so many models there is: no other choice is good on more clips."""

    models: tuple[str, ...]
    union: int


@dataclass(frozen=True)
class Shortlist:
    """A greedy choice of models, and what it is measured by."""

    clips: int
    """How many were judged."""
    places: tuple[Place, ...]
    """Fewer than asked for when no further model adds a clip."""
    optima: tuple[Optimum | None, ...]
    """For 1, 2, … models; ``None`` where the search gave up."""
    models: int
    """How many there were to choose from."""
    covered: int
    """Clips on which at least one of all models is good."""


def shortlist(judgements: Judgements, count: int = 8, *, max_nodes: int = MAX_NODES) -> Shortlist:
    """Start with the best single model, repeatedly add the one that is good on most of the clips still uncovered.

    Args:
        judgements: at least one good caption.
        count: how many models at most.
        max_nodes: how far to search for the exact optimum; 0 leaves it out.

    Raises:
        SourceError: when no model is good on any clip.

    Source: paper, appendix B.3.
    """
    places = greedy_cover(judgements, count)
    if not places:
        raise SourceError(f"no model is good on any of the {len(judgements.clips)} judged clips: nothing to choose")
    sizes = range(1, len(places) + 1)
    optima = [best_cover(judgements, size, max_nodes=max_nodes) if max_nodes else None for size in sizes]
    return Shortlist(
        clips=len(judgements.clips),
        places=places,
        optima=tuple(optima),
        models=len(judgements.good),
        covered=judgements.covered,
    )


def greedy_cover(judgements: Judgements, count: int) -> tuple[Place, ...]:
    """The greedy choice; ties by ``TIE_RULE``. It ends when no model adds a clip.

    Example:
        >>> [p.model for p in greedy_cover(Judgements(("x", "y"), {"a": frozenset("x"), "b": frozenset("xy")}), 2)]
        ['b']
    """
    covered: frozenset[str] = frozenset()
    places: list[Place] = []
    while len(places) < count:
        left = [model for model in judgements.models if model not in {place.model for place in places}]
        gains = {model: len(judgements.good[model] - covered) for model in left}
        best = min(left, key=lambda model: (-gains[model], -len(judgements.good[model]), model), default=None)
        if best is None or not gains[best]:
            break
        covered |= judgements.good[best]
        places.append(Place(best, len(judgements.good[best]), gains[best], len(covered)))
    return tuple(places)


def best_cover(judgements: Judgements, count: int, *, max_nodes: int = MAX_NODES) -> Optimum | None:
    """The choice of ``count`` models that is good on the most clips, proven; ``None`` when ``max_nodes`` do not do.

    Branch and bound: a partial choice is given up when even the largest gains of the models left cannot beat the best
    choice known. Models that are good only where another one is, too, are never tried.
    """
    max_nodes = int(max_nodes * min(1.0, MANY_CLIPS / len(judgements.clips)))
    bits = _undominated(_as_bits(judgements))
    names = sorted(bits, key=lambda name: (-bits[name].bit_count(), name))
    greedy = greedy_cover(judgements, count)
    search = _Search([bits[name] for name in names], max_nodes, best=greedy[-1].union - 1 if greedy else -1)
    search.extend(0, [], 0, min(count, len(names)))
    if search.nodes > max_nodes or search.found is None:
        return None
    chosen = tuple(sorted(names[i] for i in search.found))
    return Optimum(chosen, search.best)


@dataclass
class _Search:
    sets: Sequence[int]
    max_nodes: int
    best: int
    """Clips that the best choice so far covers; at first one less than the greedy one, which is then found again."""
    found: list[int] | None = None
    nodes: int = 0

    def extend(self, union: int, chosen: list[int], first: int, left: int) -> None:
        """Try all choices that add ``left`` of the sets from ``first`` on."""
        self.nodes += 1
        if self.nodes > self.max_nodes:
            return
        covered = union.bit_count()
        if left == 0:
            if covered > self.best:
                self.best, self.found = covered, list(chosen)
            return
        gains = [(self.sets[i] & ~union).bit_count() for i in range(first, len(self.sets))]
        for i in range(first, len(self.sets) - left + 1):
            if covered + sum(sorted(gains[i - first :], reverse=True)[:left]) <= self.best:
                return
            self.extend(union | self.sets[i], [*chosen, i], i + 1, left - 1)


def _as_bits(judgements: Judgements) -> dict[str, int]:
    place = {clip: i for i, clip in enumerate(judgements.clips)}
    return {model: _number((place[clip] for clip in clips), len(place)) for model, clips in judgements.good.items()}


def _number(places: Iterable[int], size: int) -> int:
    bits = bytearray(size // 8 + 1)
    for place in places:
        bits[place // 8] |= 1 << place % 8
    return int.from_bytes(bits, "little")


def _undominated(bits: Mapping[str, int]) -> dict[str, int]:
    """Without the models whose clips are all covered by one other; of equals the first by name stays."""

    def beaten(name: str) -> bool:
        own = bits[name]
        return any(
            own | other == other and (own != other or rival < name) for rival, other in bits.items() if rival != name
        )

    return {name: own for name, own in bits.items() if not beaten(name)}
