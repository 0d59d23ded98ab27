"""Panda-70M, as released in CSV files, to a dataset repository."""

from __future__ import annotations

import hashlib
import json
import re
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
    from panda_hf.release import BuildSummary, PartSummary, ReleaseCSV
    from panda_hf.rights import OptOut

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
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Threads. Else all cores, at most 8: each takes some 0.1 GB of memory."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that this command made.")] = False,
) -> None:
    """Turn the CSV files of Panda-70M into a dataset repository: Parquet, one row per clip, and a card.

    Give the files you have; configurations and splits of the others are simply not there. Rows that cannot be used
    are kept aside with line number and cause, in the configuration `rejected`.

    `panda-hf build panda-70m --csv panda70m_*.csv --out panda-70m`
    """
    from panda_hf.cli.byte_progress import ByteProgress
    from panda_hf.publishing.wording import plural
    from panda_hf.release import build_release
    from panda_hf.rights import OptOut

    sources = sources_of([*(csv or []), *(more or [])])
    listed = OptOut.read(opt_out)
    keep_curated(out, overwrite)
    with ByteProgress() as progress:
        summary = build_release(
            sources,
            out,
            finish=lambda folder, done: finish(folder, done, listed),
            workers=workers,
            opt_out=listed,
            overwrite=overwrite,
            progress=progress,
        )
    if listed.channels:
        typer.echo("The release does not name channels, so those of the opt-out list could not be left out.")
    if summary.unmatched_opt_outs:
        typer.echo(
            f"{summary.unmatched_opt_outs:,} of {len(listed.videos):,} videos of the opt-out list are in no file."
        )
    if twice := shared_videos(out, summary):
        typer.echo(f"Note: {plural(twice, 'video')} in both validation and test. Was one file given for both?")
    typer.echo("\n".join(closing(out, summary)))


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
    forms = [form for form in PARTS if form not in HELD_OUT.values()]
    if mark and not path.is_file() and Path(rest).is_file():
        raise SourceError(f"{name!r} is no part of the release; say what {rest} is, one of: {', '.join(forms)}")
    if not path.is_file():
        raise SourceError(f"{path} is not a file; give a CSV file of the release, plain, .gz or .zip")
    if mark and name in PARTS:
        return PARTS[name], path
    known = (r.part for r in RELEASED if re.match(rf"{r.stem}(?![a-z0-9])", path.name, re.IGNORECASE))
    part = next(known, None)
    if part is None:
        said = ", ".join(f"{form}={path}" for form in forms)
        raise SourceError(f"{path.name} is not called as a file of the release is. Say what it is, one of: {said}")
    return part, path


def keep_curated(out: Path, overwrite: bool) -> None:
    """Raise ``OutputError`` where curated splits would be lost together with the build they are taken from."""
    curated = sorted(path.parent.name for path in out.glob("subsets/*/subset.json"))
    if overwrite and curated:
        raise OutputError(
            f"{out} holds the curated splits {', '.join(curated)}, made from its rows; give another folder, or delete "
            f"{out / 'subsets'} first"
        )


def finish(folder: Path, summary: BuildSummary, opt_out: OptOut) -> None:
    """Write record and card into a folder that is built but not yet in its place."""
    from panda_hf.publishing.card_parts import CARD, write_text

    write_record(folder, summary, opt_out)
    write_text(folder / CARD, card(folder, summary))


def write_record(folder: Path, summary: BuildSummary, opt_out: OptOut) -> None:
    """Write ``build.json``: what was built, of what, when and by what."""
    from panda_hf.release import RECORD

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
        record["opt_out"] = {"entries": len(opt_out), "digest": opt_out.digest}
    (folder / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def card(folder: Path, summary: BuildSummary) -> str:
    """The card of a build whose ``build.json`` lies in ``folder``."""
    import yaml

    from panda_hf.publishing.card import template_environment
    from panda_hf.publishing.wording import clean, fence

    given = [part.part for part in summary.parts]
    parts = {part.part: part for part in summary.parts if part.clips}
    rejected = [(part.source, kind, rows) for part in summary.parts for kind, rows in part.rejected.items()]
    if not parts:
        raise SourceError(f"no row of the given files can be used: {_why_nothing(summary)}")
    front = front_matter(folder, parts, has_rejected=bool(summary.rejected_files))
    default = next(config for config in front["configs"] if config.get("default"))
    template = Path(__file__).with_name("card.md.j2").read_text(encoding="utf-8")
    name = json.dumps(clean(summary.out.resolve().name, 100), ensure_ascii=False)
    body = (
        template_environment()
        .from_string(template)
        .render(
            default=default["config_name"],
            fence=fence(name),
            first_split=default["data_files"][0]["split"],
            empty=[part for part in summary.parts if not part.clips],
            missing=[released for released in RELEASED if released.part not in given],
            name=name,
            opted_out=sum(part.opted_out for part in summary.parts),
            parts=parts,
            record=json.loads((folder / "build.json").read_text(encoding="utf-8")),
            rejected=sorted(rejected, key=lambda row: -row[2]),
            released=RELEASED,
            shared=shared_videos(folder, summary),
        )
    )
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=120)}---\n\n{body}"


def _why_nothing(summary: BuildSummary) -> str:
    """Of the first files, what became of their rows."""
    said = []
    for part in summary.parts[:5]:
        causes = [f"{kind} ({rows:,})" for kind, rows in part.rejected.items()][:5]
        causes += [f"opted out ({part.opted_out:,})"] if part.opted_out else []
        said.append(f"{part.source}: {', '.join(causes) or 'it has a header and no row'}")
    return "; ".join(said)


def shared_videos(folder: Path, summary: BuildSummary) -> int:
    """How many videos are in both validation and test; as released, none is."""
    import pyarrow.parquet as pq

    files = {part.part: part.files for part in summary.parts}
    ids: list[set[str]] = []
    for part in HELD_OUT.values():
        columns = [pq.read_table(folder / name, columns=["video_id"])["video_id"] for name in files.get(part, [])]
        ids.append(set().union(*(column.unique().to_pylist() for column in columns)))
    return len(set.intersection(*ids))


def front_matter(folder: Path, parts: Mapping[str, PartSummary], *, has_rejected: bool) -> dict[str, Any]:
    """What ``load_dataset`` and the Hub read at the top of the card."""
    from panda_hf.publishing.card import size_category

    shared = {split: part for split, part in HELD_OUT.items() if part in parts}
    splits = {
        config: {**({"train": f"{config}/train"} if f"{config}/train" in parts else {}), **shared}
        for config in CONFIGS
    }
    splits = {config: places for config, places in splits.items() if places}
    default = next((config for config in splits if "train" in splits[config]), next(iter(splits), None))
    digest = hashlib.sha256((folder / "build.json").read_bytes()).hexdigest()[:16]
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
        "dataset_info": [_info(folder, config, places, parts) for config, places in splits.items()],
    }


def _info(folder: Path, config: str, places: Mapping[str, str], parts: Mapping[str, PartSummary]) -> dict[str, Any]:
    """Types and numbers of rows, which ``load_dataset`` compares with what it loads."""
    from panda_hf import schema

    splits = [
        {"name": split, "num_bytes": _unpacked_bytes(folder, parts[place]), "num_examples": parts[place].clips}
        for split, place in places.items()
    ]
    return {
        "config_name": config,
        "features": schema.RELEASE_ROW._to_yaml_list(),
        "splits": splits,
        "download_size": sum(parts[place].parquet_bytes for place in places.values()),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def _unpacked_bytes(folder: Path, part: PartSummary) -> int:
    """About what the rows take in memory: their size in Parquet before compression."""
    import pyarrow.parquet as pq

    footers = [pq.read_metadata(folder / name) for name in part.files]
    return sum(footer.row_group(i).total_byte_size for footer in footers for i in range(footer.num_row_groups))


def closing(out: Path, summary: BuildSummary) -> list[str]:
    """The lines that end a build."""
    from panda_hf.publishing.wording import plural

    parts = [part for part in summary.parts if part.clips]
    train = next((part for part in parts if part.part.endswith("/train")), None)
    config, split = (train or parts[0]).part.split("/")
    load = f'load_dataset("{out.as_posix()}", "{config if train else "full"}", split="{split}", streaming=True)'
    causes = [f"  {part.source}: {kind} ({n:,})" for part in summary.parts for kind, n in part.rejected.items()]
    return [
        f"{plural(summary.clips, 'clip')} in {summary.wall_seconds:,.2f} s",
        *(part.equation() for part in summary.parts),
        *(['Set aside, see load_dataset(…, "rejected"):', *causes] if causes else []),
        "Load it:",
        "  from datasets import load_dataset",
        f"  clips = {load}",
        f"Card: {out / 'README.md'}",
    ]


if __name__ == "__main__":
    from panda_hf.cli import app

    app(["build", "panda-70m", *sys.argv[1:]], prog_name="panda-hf")
