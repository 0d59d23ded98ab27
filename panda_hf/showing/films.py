"""The examples of the page: films of the miniature, shipped beside it; `panda-hf space --make-examples` makes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from panda_hf.mini.film import make_film
from panda_hf.mini.films import truth_of, write_film
from panda_hf.running.sidecars import read_sidecars
from panda_hf.showing.decoding import pictures
from panda_hf.video import VideoInfo, probe

CLIPS = {"Filmed in Paris?": 94, "Somebody called Zuzu": 103, "A title that misleads": 55}
"""Films of one scene by the names they have on the page, and their seeds: the words tell a place, tell a name, lie."""
FILMS = {"The yellow ring": 12, "Greetings from Lima": 22}
"""Longer films and their seeds."""
LIST = "examples.json"
MAX_SUBTITLE = 300


@dataclass(frozen=True)
class ExampleFilm:
    """A film that visitors may try, with what is known of it in words."""

    path: Path
    name: str
    info: VideoInfo
    poster: str
    title: str
    description: str
    subtitle: str


def load_examples(folder: Path | None) -> tuple[list[ExampleFilm], list[ExampleFilm]]:
    """The clips and the long films of a folder that :func:`write_examples` wrote; none without one."""
    if folder is None or not (folder / LIST).is_file():
        return [], []
    kinds = json.loads((folder / LIST).read_text(encoding="utf-8"))
    clips, films = ([_film(folder / file, name) for name, file in kinds[kind].items()] for kind in ("clips", "films"))
    return clips, films


def write_examples(folder: Path) -> None:
    """Write the example films with their sidecars, and the list of them."""
    kinds: dict[str, dict[str, str]] = {"clips": {}, "films": {}}
    for kind, seeds, scenes in (("clips", CLIPS, 1), ("films", FILMS, None)):
        for name, seed in seeds.items():
            path = write_film(make_film(seed, "test", scenes), folder)
            truth_of(path).unlink()
            new = path.with_name(path.name.replace("film_test", kind))
            for file in folder.glob(f"{path.stem}.*"):
                file.replace(new.with_suffix(file.suffix))
            kinds[kind][name] = new.name
    (folder / LIST).write_text(json.dumps(kinds, indent=1) + "\n", encoding="utf-8")


def _film(path: Path, name: str) -> ExampleFilm:
    info, known = probe(str(path)), read_sidecars(path)
    said = " ".join(cue["text"] for cue in known["subtitles"] or [])
    [poster] = pictures(str(path), [(info.duration or 0) / 2], info.height, info.width)
    words = known["title"] or "", known["description"] or ""
    return ExampleFilm(path.resolve(), name, info, poster, *words, said[:MAX_SUBTITLE])
