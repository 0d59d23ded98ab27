"""METEOR's own data, from where the user has it: word lists and WordNet tables in the jar; the paraphrase table."""

from __future__ import annotations

import importlib.util
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from .normalizer import ANYWHERE, BEFORE_NUMBERS

JAR, TABLE = "meteor-1.5.jar", "paraphrase-en.gz"
_ENDINGS = {
    # Endings of nouns, verbs and adjectives in WordNet's order, with what takes their place in the base form.
    "noun": "s: ses:s xes:x zes:z ches:ch shes:sh men:man ies:y",
    "verb": "s: ies:y es:e es: ed:e ed: ing:e ing:",
    "adjective": "er: est: er:e est:e",
}
_DETACHMENTS = [tuple(rule.split(":")) for rules in _ENDINGS.values() for rule in rules.split()]


@dataclass(frozen=True)
class Source:
    """Where the two files lie."""

    jar: Path
    table: Path


def locate(data: str | Path | None) -> Source:
    """Find jar and table: in `data` (the jar, or a folder with it), else in an installed pycocoevalcap.

    Raises FileNotFoundError that names both ways to have the data.
    """
    folders = [Path(data).expanduser()] if data is not None else _installed()
    for folder in folders:
        jar = folder if folder.suffix == ".jar" else folder / JAR
        for table in (jar.parent / "data" / TABLE, jar.parent / TABLE):
            if jar.is_file() and table.is_file():
                return Source(jar.resolve(), table.resolve())
    looked = f"{folders[0]} has no {JAR} with data/{TABLE}" if folders else "pycocoevalcap is not installed"
    raise FileNotFoundError(
        f"METEOR needs its published data and {looked}. Either `pip install pycocoevalcap` (104 MB, carries both), or "
        f"pass data=FOLDER with {JAR} and data/{TABLE} of the METEOR 1.5 release. Without them variant='exact+stem' "
        "computes a smaller score that has another scale and another name."
    )


def _installed() -> list[Path]:
    found = importlib.util.find_spec("pycocoevalcap")
    return [Path(place) / "meteor" for place in found.submodule_search_locations or ()] if found else []


@dataclass(frozen=True)
class WordLists:
    """Function words, abbreviations that keep their dot, and for each word the numbers of its WordNet synsets."""

    function_words: frozenset[str] = frozenset()
    abbreviations: dict[str, int] = field(default_factory=dict)
    synsets: dict[str, str] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)

    def meanings(self, word: str) -> set[str]:
        """Synsets of a word and of its base forms."""
        found = set(self.synsets.get(word, "").split())
        bases = self.bases.get(word)
        for base in [self._base(word)] if bases is None else bases:
            found.update(self.synsets.get(base, "").split())
        return found

    def _base(self, word: str) -> str:
        """The base form of a regularly inflected word: the first that WordNet has, else empty."""
        if len(word) <= 2 or word.endswith("ss"):
            return word
        for ending, new in _DETACHMENTS:
            if word.endswith(ending) and (base := word[: -len(ending)] + new) in self.synsets:
                return base
        return ""


@lru_cache(maxsize=2)
def word_lists(jar: Path) -> WordLists:
    """Read the English lists of the jar."""
    with zipfile.ZipFile(jar) as archive:
        texts = {
            name: archive.read(name).decode("utf-8")
            for name in (
                "function/english.words",
                "nonbreaking/english.prefixes",
                "synonym/english.synsets",
                "synonym/english.exceptions",
            )
        }
    function, prefixes, synsets, exceptions = texts.values()
    pairs = synsets.split("\n")
    return WordLists(
        function_words=frozenset(function.splitlines()),
        abbreviations=_abbreviations(prefixes),
        synsets=dict(zip(pairs[::2], pairs[1::2], strict=False)),
        bases=_irregular(exceptions.split("\n")),
    )


def _abbreviations(text: str) -> dict[str, int]:
    entries = [line.split() for line in text.splitlines()]
    entries = [entry for entry in entries if entry and not entry[0].startswith("#")]
    return {entry[0]: BEFORE_NUMBERS if entry[1:2] == ["#NUMERIC_ONLY#"] else ANYWHERE for entry in entries}


def _irregular(lines: list[str]) -> dict[str, list[str]]:
    bases: dict[str, list[str]] = {}
    for base, forms in zip(lines[::2], lines[1::2], strict=False):
        for form in forms.split():
            bases.setdefault(form, []).append(base)
    return bases
