"""Films on disk: the encoded file, its sidecars as a downloader leaves them, and the truth beside it."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2

from panda_hf.mini.encode import encode_film
from panda_hf.mini.film import Cue, Encoding, Film, Transition, make_film, scene_at
from panda_hf.mini.motion import VISIBLE
from panda_hf.mini.truth import canonical_caption, key_facts
from panda_hf.mini.wording import action_parts
from panda_hf.mini.world import Scene, Split, Thing

__all__ = ["Film", "make_film", "read_truth", "scene_at", "truth_of", "write_film", "write_films"]

TRUTH_SUFFIX = ".truth.json"


def write_films(folder: str | Path, split: Split, count: int, first_seed: int = 0, workers: int = 1) -> list[Path]:
    """Write the films of ``count`` seeds of ``split`` into ``folder``, which is made; see ``write_film``.

    Args:
        folder: where to.
        split: which films.
        count: how many.
        first_seed: seed of the first.
        workers: processes that work side by side.

    Returns:
        The paths of the video files, in the order of the seeds.
    """
    write = partial(_write_seed, folder=Path(folder), split=split)
    seeds = range(first_seed, first_seed + count)
    if workers <= 1 or count <= 1:
        return [write(seed) for seed in seeds]
    # OpenCV's own threads would compete with the other workers.
    spawn = get_context("spawn")
    with ProcessPoolExecutor(min(workers, count), spawn, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        return list(pool.map(write, seeds))


def write_film(film: Film, folder: str | Path) -> Path:
    """Write a film and its sidecars; the folder is made if there is none.

    Beside ``<film_id>.mp4`` (or ``.mkv``, ``.webm``) come ``<film_id>.srt`` or ``.vtt`` when anything is said,
    ``<film_id>.json`` with title and description in the fields that yt-dlp writes, and ``<film_id>.truth.json``.

    Returns:
        The path of the video file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{film.film_id}.{film.encoding.container}"
    encode_film(film, path)
    if film.subtitles:
        subtitles = path.with_suffix(f".{film.encoding.subtitle_format}")
        subtitles.write_text(_subtitle_text(film), encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(_metadata(film), indent=1), encoding="utf-8")
    truth_of(path).write_text(json.dumps(_truth(film), indent=1), encoding="utf-8")
    return path


def truth_of(path: str | Path) -> Path:
    """Where the truth about the film at ``path`` lies: a video file, one of its sidecars, or the truth itself."""
    path = Path(path)
    return path if path.name.endswith(TRUTH_SUFFIX) else path.with_suffix(TRUTH_SUFFIX)


def read_truth(path: str | Path) -> Film:
    """The film that ``write_film`` wrote.

    Args:
        path: the video file, or the ``.truth.json`` beside it.

    Raises:
        FileNotFoundError: when no truth lies beside ``path``.
    """
    data = json.loads(truth_of(path).read_text(encoding="utf-8"))
    return Film(
        **{
            **{field.name: data[field.name] for field in dataclasses.fields(Film)},
            "scenes": tuple(map(_read_scene, data["scenes"])),
            "transitions": tuple(Transition(**joint) for joint in data["transitions"]),
            "subtitles": tuple(Cue(**cue) for cue in data["subtitles"]),
            "flashes": tuple(map(tuple, data["flashes"])),
            "size": tuple(data["size"]),
            "encoding": Encoding(**data["encoding"]),
        }
    )


def _read_scene(data: dict[str, Any]) -> Scene:
    things = {role: Thing(**data[role]) for role in ("subject", "second", "third") if data[role]}
    return Scene(**{**data, **things})


def _write_seed(seed: int, folder: Path, split: Split) -> Path:
    return write_film(make_film(seed, split), folder)


def _metadata(film: Film) -> dict[str, Any]:
    known = {"id": film.film_id, "title": film.title, "description": film.description, "duration": film.duration}
    return {key: value for key, value in known.items() if value is not None}


def _truth(film: Film) -> dict[str, Any]:
    """Every field of the film, and what follows from them, written out for readers in other languages."""
    follows = {"duration": film.duration, "cuts": film.cuts, "answers": [_answer(scene) for scene in film.scenes]}
    return {**dataclasses.asdict(film), **follows}


def _answer(scene: Scene) -> dict[str, Any]:
    """What follows from a scene: caption, key facts, the modality they need, and when something happens."""
    verb, _ = action_parts(scene.action)
    first, last = VISIBLE.get(verb, (0.0, 1.0))
    event = {"kind": verb, "start": scene.start + first * scene.duration, "end": scene.start + last * scene.duration}
    return {
        "caption": canonical_caption(scene),
        "key_facts": sorted(key_facts(scene)),
        "needs": scene.needs,
        "misleads": scene.misleads,
        "events": [event] if verb != "rests" else [],
    }


def _subtitle_text(film: Film) -> str:
    mark, head = (",", "") if film.encoding.subtitle_format == "srt" else (".", "WEBVTT\n\n")
    blocks = []
    for number, cue in enumerate(film.subtitles, start=1):
        times = f"{_clock(cue.start, mark)} --> {_clock(cue.end, mark)}"
        blocks.append(f"{number}\n{times}\n{cue.text}\n")
    return head + "\n".join(blocks)


def _clock(seconds: float, mark: str) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{mark}{thousandths:03d}"
