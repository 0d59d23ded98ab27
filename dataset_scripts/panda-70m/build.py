"""Panda-70M, as released in CSV files, to a dataset repository."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panda_hf import __version__
from panda_hf.errors import OutputError, SourceError

if TYPE_CHECKING:
    from panda_hf.release import BuildSummary, ReleaseCSV
    from panda_hf.rights import OptOut

RECORD = "build.json"
CONFIGS = ("full", "10m", "2m")
HELD_OUT = {"validation": "heldout/validation", "test": "heldout/test"}
"""Splits that the three configurations share, with their folders."""


@dataclass(frozen=True)
class Released:
    """A file of the release, with the figures that its authors give."""

    part: str
    """The folder its rows go to."""
    stem: str
    name: str
    """How the release calls it."""
    videos: int
    clips: int
    hours: str


RELEASED = (
    Released("full/train", "panda70m_training_full", "Training (full)", 3_779_763, 70_723_513, "167 thousand"),
    Released("10m/train", "panda70m_training_10m", "Training (10M)", 3_755_240, 10_473_922, "37.0 thousand"),
    Released("2m/train", "panda70m_training_2m", "Training (2M)", 800_000, 2_400_000, "7.56 thousand"),
    Released("heldout/validation", "panda70m_validation", "Validation", 2_000, 6_000, "18.5"),
    Released("heldout/test", "panda70m_testing", "Testing", 2_000, 6_000, "18.5"),
)
PARTS = {
    "full/train": "full/train",
    "10m/train": "10m/train",
    "2m/train": "2m/train",
    **HELD_OUT,
    **{part: part for part in HELD_OUT.values()},
}
"""What may stand before ``=FILE``: the part it is."""


def build(
    csv: Annotated[
        list[str] | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="A CSV file of the release, also .csv.gz or .zip. More may follow: --csv a.csv b.csv. "
            "A file that is not called as in the release: full/train=FILE, 10m/train=FILE, 2m/train=FILE, "
            "validation=FILE, test=FILE.",
            show_default=False,
        ),
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="More such files.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.")] = Path("panda-70m"),
    opt_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="List of videos to leave out: ids or addresses.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, metavar="N", help="Worker processes. Else all cores.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that this command made.")] = False,
) -> None:
    """Turn the CSV files of Panda-70M into a dataset repository: Parquet, one row per clip, and a card.

    Give the files you have; configurations and splits of the others are simply not there. Rows that cannot be used
    are kept aside with line number and cause, in the configuration `rejected`.

    `panda-hf build panda-70m --csv panda70m_*.csv --out panda-70m`
    """
    from panda_hf.rights import OptOut

    sources = sources_of([*(csv or []), *(more or [])])
    honoured = OptOut.read(opt_out)
    began = time.monotonic()
    build_folder(sources, out, workers=workers, opt_out=honoured, overwrite=overwrite)
    typer.echo("\n".join(closing(out, time.monotonic() - began)))


def sources_of(texts: Sequence[str]) -> list[ReleaseCSV]:
    """The files that the command line names, each with the part of the release it is.

    Raises:
        SourceError: when one is missing or not recognised, or two are the same part.
    """
    from panda_hf.release import ReleaseCSV

    if not texts:
        raise SourceError("no CSV file was given: --csv FILE. The release has " + ", ".join(r.stem for r in RELEASED))
    found: dict[str, Path] = {}
    for text in texts:
        part, path = located(text)
        if part in found:
            raise SourceError(f"{found[part]} and {path} would both be {part}; give one of them")
        found[part] = path
    return [ReleaseCSV(found[released.part], released.part) for released in RELEASED if released.part in found]


def located(text: str) -> tuple[str, Path]:
    """The part of the release, and the file, that ``FILE`` or ``PART=FILE`` names."""
    name, mark, rest = text.partition("=")
    path = Path(rest if mark and name in PARTS else text)
    if not path.is_file():
        raise SourceError(f"{path} is not a file; give a CSV file of the release, plain, .gz or .zip")
    if mark and name in PARTS:
        return PARTS[name], path
    known = (r.part for r in RELEASED if re.match(rf"{r.stem}(?![a-z0-9])", path.name, re.IGNORECASE))
    part = next(known, None)
    if part is None:
        forms = ", ".join(f"{form}={path}" for form in PARTS if form not in HELD_OUT.values())
        raise SourceError(f"{path.name} is not called as a file of the release is. Say what it is, one of: {forms}")
    return part, path


def build_folder(
    sources: Sequence[ReleaseCSV], out: Path, *, workers: int | None, opt_out: OptOut, overwrite: bool
) -> None:
    """Build beside ``out`` and move the whole folder there last, so that a killed build leaves nothing in its place.

    Raises:
        OutputError: when ``out`` holds anything, and is not a build of ours that may be overwritten.
    """
    from panda_hf.publishing.card_parts import CARD, write_text
    from panda_hf.release import build_release
    from panda_hf.running.folder import locked

    check_free(out, overwrite)
    unfinished = out.resolve().with_name(f".{out.resolve().name}.partial")
    with locked(unfinished):
        for path in unfinished.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        try:
            made = unfinished / "new"
            write_record(made, build_release(sources, made, workers=workers, opt_out=opt_out), opt_out)
            write_text(made / CARD, card(made, out.resolve().name))
            if out.exists():
                os.replace(out, unfinished / "old")
            os.replace(made, out)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def check_free(out: Path, overwrite: bool) -> None:
    """Raise ``OutputError`` unless a build may go to ``out``."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / RECORD).is_file():
        raise OutputError(f"{out} is not empty and was not made by this command; give a new folder")
    if not overwrite:
        raise OutputError(f"{out} was built before; give another folder, or --overwrite to build it anew")
    if curated := sorted(path.name for path in (out / "subsets").glob("*/")):
        raise OutputError(
            f"{out} holds the curated splits {', '.join(curated)}, made from its rows; give another folder, or delete "
            f"{out / 'subsets'} first"
        )


def write_record(folder: Path, summary: BuildSummary, opt_out: OptOut) -> None:
    """Write ``build.json``: what was built, of what, when and by what."""
    record: dict[str, Any] = {
        "made_by": "panda_hf",
        "format": 1,
        "dataset": "panda-70m",
        "version": __version__,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "opt_out": None,
        "summary": summary.as_dict(),
    }
    if opt_out:
        entries = len(opt_out.videos) + len(opt_out.channels)
        record["opt_out"] = {"entries": entries, "digest": opt_out.digest}
    (folder / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Part:
    """What is in the files of a part of the release."""

    released: Released
    clips: int
    videos: int
    seconds: float
    labelled: int
    """Clips with a value of ``desirable_filtering``."""


def card(folder: Path, name: str) -> str:
    """The card of a folder that holds data and ``build.json``; what it says is counted in the files.

    Args:
        folder: where the files are now.
        name: what the folder is going to be called.
    """
    import yaml

    from panda_hf.publishing.card import template_environment
    from panda_hf.publishing.wording import clean, fence

    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    parts = {released.part: count(folder, released) for released in RELEASED if files_of(folder, released.part)}
    rejected = count_rejected(folder)
    if not parts:
        causes = "; ".join(f"{file}: {cause} ({rows})" for (file, cause), rows in [*rejected.items()][:5])
        raise SourceError(f"no row of the given files can be used. {causes}")
    front = front_matter(folder, parts, has_rejected=bool(rejected))
    default = next(config for config in front["configs"] if config.get("default"))
    template = Path(__file__).with_name("card.md.j2").read_text(encoding="utf-8")
    load_name = json.dumps(clean(name, 100), ensure_ascii=False)
    body = (
        template_environment()
        .from_string(template)
        .render(
            configs=CONFIGS,
            default=default["config_name"],
            first_split=default["data_files"][0]["split"],
            fence=fence(load_name),
            load_name=load_name,
            missing=[released for released in RELEASED if released.part not in parts],
            parts=parts,
            record=record,
            rejected=rejected,
            released=RELEASED,
        )
    )
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=120)}---\n\n{body}"


def files_of(folder: Path, part: str) -> list[Path]:
    """The Parquet files of a part such as ``full/train``."""
    return sorted(folder.glob(f"{part}-*.parquet"))


def count(folder: Path, released: Released) -> Part:
    """Count clips, videos and seconds of a part, a batch of rows at a time."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    clips, videos, seconds, labelled, last = 0, 0, 0.0, 0, None
    for path in files_of(folder, released.part):
        columns = ["video_id", "start", "end", "desirable_filtering"]
        for batch in pq.ParquetFile(path).iter_batches(batch_size=2**17, columns=columns):
            if not batch.num_rows:
                continue
            ids = pc.run_end_encode(batch["video_id"]).values
            videos += len(ids) - (ids[0].as_py() == last)
            last = ids[-1].as_py()
            clips += batch.num_rows
            labelled += batch.num_rows - batch["desirable_filtering"].null_count
            seconds += pc.sum(pc.subtract(batch["end"], batch["start"])).as_py() or 0.0
    return Part(released, clips, videos, seconds, labelled)


def count_rejected(folder: Path) -> dict[tuple[str, str], int]:
    """Rows that were set aside, by file and cause, the most frequent first."""
    import pyarrow.parquet as pq

    counts: dict[tuple[str, str], int] = {}
    for path in files_of(folder, "rejected/rejected"):
        for batch in pq.ParquetFile(path).iter_batches(columns=["file", "cause"]):
            for key in zip(batch["file"].to_pylist(), batch["cause"].to_pylist(), strict=True):
                counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def front_matter(folder: Path, parts: Mapping[str, Part], *, has_rejected: bool) -> dict[str, Any]:
    """What ``load_dataset`` and the Hub read at the top of the card."""
    from panda_hf.publishing.card import size_category

    shared = {split: part for split, part in HELD_OUT.items() if part in parts}
    splits = {
        config: {**({"train": f"{config}/train"} if f"{config}/train" in parts else {}), **shared}
        for config in CONFIGS
    }
    splits = {config: places for config, places in splits.items() if places}
    default = next((config for config in splits if "train" in splits[config]), next(iter(splits), None))
    digest = hashlib.sha256((folder / RECORD).read_bytes()).hexdigest()[:16]
    stamp = {"description": f"build {digest}"}  # datasets caches by folder name and front matter, not by the data
    configs: list[dict[str, Any]] = []
    for config, places in splits.items():
        data_files = [{"split": split, "path": f"{place}-*.parquet"} for split, place in places.items()]
        is_default = {"default": True} if config == default else {}
        configs.append({"config_name": config, **is_default, **stamp, "data_files": data_files})
    if has_rejected:
        data_files = [{"split": "train", "path": "rejected/rejected-*.parquet"}]
        configs.append({"config_name": "rejected", **stamp, "data_files": data_files})
    return {
        "pretty_name": "Panda-70M",
        "language": ["en"],
        "license": "other",
        "license_name": "snap-non-commercial-research",
        "license_link": "https://github.com/snap-research/Panda-70M/blob/main/LICENSE",
        "task_categories": ["video-text-to-text", "text-to-video"],
        "tags": ["video", "video-captioning", "youtube", "panda_hf"],
        "size_categories": [size_category(sum(part.clips for part in parts.values()))],
        "configs": configs,
        "dataset_info": [_info(config, places, parts) for config, places in splits.items()],
    }


def _info(config: str, places: Mapping[str, str], parts: Mapping[str, Part]) -> dict[str, Any]:
    """Types and numbers of rows, which ``load_dataset`` compares with what it loads."""
    from panda_hf import schema

    splits = [{"name": split, "num_examples": parts[place].clips} for split, place in places.items()]
    return {"config_name": config, "features": schema.RELEASE_ROW._to_yaml_list(), "splits": splits}


def closing(out: Path, seconds: float) -> list[str]:
    """The lines that end a build; what they say is counted in the files."""
    from panda_hf.publishing.wording import length, plural

    parts = {released.part: count(out, released) for released in RELEASED if files_of(out, released.part)}
    rejected = sum(count_rejected(out).values())
    clips = sum(part.clips for part in parts.values())
    rows = [f"  {place:{20}} {plural(p.clips, 'clip')} of {plural(p.videos, 'video')}" for place, p in parts.items()]
    config = next(config for config in CONFIGS if f"{config}/train" in parts or not any("train" in p for p in parts))
    split = "train" if f"{config}/train" in parts else next(iter(parts)).split("/")[1]
    load = f'clips = load_dataset("{out.as_posix()}", "{config}", split="{split}", streaming=True)'
    return [
        f"{plural(clips, 'clip')} in {length(seconds)}:",
        *rows,
        f"  {'set aside':{20}} {plural(rejected, 'row')}" + (', see load_dataset(…, "rejected")' if rejected else ""),
        "Load it:",
        "  from datasets import load_dataset",
        f"  {load}",
        f"Card: {out / 'README.md'}",
    ]


if __name__ == "__main__":
    from panda_hf.cli import app

    app(["build", "panda-70m", *sys.argv[1:]], prog_name="panda-hf")
