"""A limit on a column of numbers, as a user writes it: ``motion>=0.002``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

_WRITTEN = re.compile(r"\s*(\w+)\s*(>=|<=)\s*(\S+)\s*")


@dataclass(frozen=True)
class Limit:
    """What a column must hold at least or at most."""

    column: str
    sign: Literal[">=", "<="]
    value: float

    def __post_init__(self) -> None:
        if self.sign not in (">=", "<="):
            raise ValueError(f"{self.sign!r}: a limit says >= or <=")
        if not math.isfinite(self.value):
            raise ValueError(f"{self.column}{self.sign}{self.value}: a limit is a finite number")

    @classmethod
    def parse(cls, text: str) -> Limit:
        """A limit from its text.

        Example:
            >>> Limit.parse("motion >= 0.002")
            Limit(column='motion', sign='>=', value=0.002)

        Raises:
            ValueError: when it is none.
        """
        found = _WRITTEN.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            return cls(found[1], ">=" if found[2] == ">=" else "<=", float(found[3]))
        except ValueError as error:
            raise ValueError(f"{text!r} is no limit; write a column, >= or <=, and a number: motion>=0.002") from error

    def __str__(self) -> str:
        return f"{self.column}{self.sign}{self.value:g}"
