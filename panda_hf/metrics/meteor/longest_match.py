"""A lexer by longest match: rules as regular expressions, joined in one automaton that is built while it runs.

Python's `re` takes the first alternative that fits; generated lexers take the longest match of all rules, and the
first rule among equals. Patterns know literals, `[classes]`, `(groups)`, `|`, `*`, `+`, `?`, `{m,n}` and a backslash
before any other character; before `L`, `D`, `U` it names the sets given. ASCII letters outside classes have no case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_ESCAPES = {"t": "\t", "n": "\n", "f": "\f", "r": "\r"}
Set = tuple[bool, frozenset[str]]
"""Characters that fit: all but these (True), or these."""


@dataclass(eq=False)
class _State:
    """A set of places in the patterns; `step` grows with the characters met here."""

    places: frozenset[int]
    rule: int
    step: dict[str, _State | None] = field(default_factory=dict)


class Lexer:
    """Finds the rule of the longest match at a position; of several, the first.

    Args:
        patterns: one per rule; see the module.
        sets: what `\\L`, `\\D` and so on stand for.

    Raises:
        ValueError: for a pattern that cannot be read.
    """

    def __init__(self, patterns: Sequence[str], sets: Mapping[str, frozenset[str]]) -> None:
        self._free: list[list[int]] = []
        self._edge: list[tuple[Set, int] | None] = []
        self._rule: dict[int, int] = {}
        self._states: dict[frozenset[int], _State] = {}
        starts = []
        for number, pattern in enumerate(patterns):
            start, end = self._joined(_Reader(pattern, sets).whole())
            self._rule[end] = number
            starts.append(start)
        self._start = self._state(starts)

    def match(self, text: str, start: int, stop: int) -> tuple[int, int]:
        """Rule and end of the longest match of `text[start:stop]` from its start; (-1, start) without one."""
        state = self._start
        found, end = -1, start
        for place in range(start, stop):
            character = text[place]
            try:
                following = state.step[character]
            except KeyError:
                following = self._stepped(state, character)
            if following is None:
                break
            state = following
            if state.rule >= 0:
                found, end = state.rule, place + 1
        return found, end

    def _stepped(self, state: _State, character: str) -> _State | None:
        reached = []
        for place in state.places:
            edge = self._edge[place]
            if edge is not None and (character in edge[0][1]) != edge[0][0]:
                reached.append(edge[1])
        following = self._state(reached) if reached else None
        state.step[character] = following
        return following

    def _state(self, places: Sequence[int]) -> _State:
        seen, waiting = set(places), list(places)
        while waiting:
            for place in self._free[waiting.pop()]:
                if place not in seen:
                    seen.add(place)
                    waiting.append(place)
        # Only places with an edge or an end tell states apart.
        kept = frozenset(place for place in seen if self._edge[place] is not None or place in self._rule)
        if kept not in self._states:
            rule = min((self._rule[place] for place in kept if place in self._rule), default=-1)
            self._states[kept] = _State(kept, rule)
        return self._states[kept]

    def _place(self) -> int:
        self._free.append([])
        self._edge.append(None)
        return len(self._edge) - 1

    def _joined(self, tree: tuple) -> tuple[int, int]:
        """First and last place of a tree's part of the automaton."""
        start, end = self._place(), self._place()
        kind, held = tree
        if kind == "set":
            self._edge[start] = held, end
        elif kind == "or":
            for branch in held:
                first, last = self._joined(branch)
                self._free[start].append(first)
                self._free[last].append(end)
        elif kind == "then":
            before = start
            for part in held:
                first, last = self._joined(part)
                self._free[before].append(first)
                before = last
            self._free[before].append(end)
        else:
            self._repeated(start, end, *held)
        return start, end

    def _repeated(self, start: int, end: int, part: tuple, least: int, most: int | None) -> None:
        before = start
        for count in range(max(least, 1) if most is None else most):
            if count >= least:
                self._free[before].append(end)
            first, last = self._joined(part)
            self._free[before].append(first)
            if most is None and count + 1 >= least:
                self._free[last].append(first)
            before = last
        self._free[before].append(end)


class _Reader:
    """Reads a pattern as a tree of `("set", …)`, `("then", …)`, `("or", …)` and `("repeat", …)`."""

    def __init__(self, pattern: str, sets: Mapping[str, frozenset[str]]) -> None:
        self._pattern, self._sets, self._at = pattern, sets, 0

    def whole(self) -> tuple:
        tree = self._choice()
        if self._at < len(self._pattern):
            raise ValueError(f"unexpected {self._pattern[self._at]!r} at {self._at} of {self._pattern!r}")
        return tree

    def _choice(self) -> tuple:
        branches = [self._sequence()]
        while self._next("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else ("or", branches)

    def _sequence(self) -> tuple:
        parts = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            parts.append(self._times(self._one()))
        return ("then", parts)

    def _times(self, part: tuple) -> tuple:
        while self._at < len(self._pattern):
            if self._next("*"):
                part = ("repeat", (part, 0, None))
            elif self._next("+"):
                part = ("repeat", (part, 1, None))
            elif self._next("?"):
                part = ("repeat", (part, 0, 1))
            elif self._next("{"):
                close = self._pattern.index("}", self._at)
                least, _, most = self._pattern[self._at : close].partition(",")
                self._at = close + 1
                part = ("repeat", (part, int(least), int(most or least)))
            else:
                break
        return part

    def _one(self) -> tuple:
        if self._next("("):
            tree = self._choice()
            if not self._next(")"):
                raise ValueError(f"a group of {self._pattern!r} is not closed")
            return tree
        if self._next("["):
            return ("set", self._class())
        if self._pattern[self._at] == "\\":
            return ("set", (False, self._escaped()))
        character = self._take()
        cases = {character.lower(), character.upper()} if character.isascii() else {character}
        return ("set", (False, frozenset(cases)))

    def _class(self) -> Set:
        others = self._next("^")
        held: set[str] = set()
        while not self._next("]"):
            if self._pattern[self._at] == "\\":
                first = self._escaped()
            else:
                first = frozenset(self._take())
            following = self._pattern[self._at : self._at + 2]
            if len(first) == 1 and following[:1] == "-" and following[1:] != "]":
                self._at += 1
                (low,) = first
                last = self._escaped() if self._pattern[self._at] == "\\" else frozenset(self._take())
                (high,) = last
                first = frozenset(map(chr, range(ord(low), ord(high) + 1)))
            held |= first
        return others, frozenset(held)

    def _escaped(self) -> frozenset[str]:
        self._at += 1
        name = self._take()
        return self._sets.get(name, frozenset(_ESCAPES.get(name, name)))

    def _next(self, character: str) -> bool:
        if self._pattern.startswith(character, self._at):
            self._at += 1
            return True
        return False

    def _take(self) -> str:
        if self._at >= len(self._pattern):
            raise ValueError(f"{self._pattern!r} ends too early")
        self._at += 1
        return self._pattern[self._at - 1]
