"""`write_card`: the dataset card of an output folder, from what was actually run."""

from __future__ import annotations

import json
import logging
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from jinja2 import Environment, StrictUndefined

from panda_hf import __version__, schema
from panda_hf.publishing import curated_splits, wording
from panda_hf.publishing.card_parts import CARD, edited, seal, with_parts, write_text
from panda_hf.publishing.output import SPLITS, OutputFolder
from panda_hf.publishing.tally import Tally

log = logging.getLogger(__name__)

NEW_CARD = "README.new.md"
"""Where the card goes when the one in place was edited by hand."""
UNKNOWN_LICENSE = "unknown"
FOOTAGE_LICENSE = "footage_license"
"""In the front matter, where the footage has another licence than the rest: files of clips are published under it."""
_SIZE_NAMES = "n<1K 1K<n<10K 10K<n<100K 100K<n<1M 1M<n<10M 10M<n<100M 100M<n<1B 1B<n<10B".split()

MEANINGS = {
    "clip_id": "`<video_id>.<index>`; empty in a row that stands for a whole video (splits `filtered` and `failed`)",
    "video_id": "the long video that the clip is from",
    "video": "reference to the long video",
    "start": "where the clip begins in the long video, seconds",
    "end": "where it ends, seconds",
    "title": "title of the long video",
    "description": "description of the long video",
    "subtitle": "what is said inside the clip, from the video's subtitles",
    "shot_boundary_detection": "the shots of the clip, seconds from its start",
    "warning": "a reservation about the video, such as a truncated file",
    "filtered": "why the row was set aside; empty: kept",
    "error": "why the row failed: stage, type, message; empty: it did not",
    "caption": "the candidate that the selector chose",
    "caption_teacher": "the teacher that wrote it",
    "caption_errors": "teachers that have no candidate for the clip, and why",
    "caption_tokens": "tokens of prompt and answer, as counted by the servers of teachers",
    "matching_score": "how well it matches the clip, as the selector sees it; compare only within one selector",
    "matching_margin": "how far the runner-up is behind, by the score that decided",
    "head_agrees": "whether similarity and matching head prefer the same candidate; empty: no head was asked",
    "candidates": "all candidates with their scores",
    "clip_path": "the clip as a file of its own, relative to this card",
    "clip_way": "how its pictures got there: `copy` of the video's packets, `smart` (only its ends encoded), `encode`",
    "clip_way_reason": "why they were encoded where a copy was asked for",
}


def write_card(out: str | Path, *, license: str | None = None) -> Path:
    """Write ``README.md`` of an output folder: what ``load_dataset`` needs, and what a reader should know.

    A card that was edited by hand since is left alone; the new one then goes beside it as ``README.new.md``.

    Args:
        out: the output folder of a run.
        license: the licence of the footage, as the Hub spells it (``cc-by-4.0``); ``None`` keeps that of the card in
            place, ``unknown`` when there is none.

    Returns:
        The path of the card that was written.

    Raises:
        OutputError: when ``out`` is not the output of a run.
    """
    output = OutputFolder.open(out)
    text = with_parts(render(output, license=license), *curated_splits.card_parts(output.path))
    path = output.path / CARD
    if edited(path):
        path = output.path / NEW_CARD
        log.warning("%s was edited by hand and is left as it is; the new card is %s", CARD, path)
    write_text(path, text + seal(text))
    return path


def render(output: OutputFolder, *, license: str | None = None) -> str:
    """The card as text: YAML front matter, then Markdown."""
    tally, record = output.tally(), output.record()
    license = license or stated_license(output.path) or UNKNOWN_LICENSE
    sample = _sample(output)
    front = yaml.safe_dump(_front_matter(output, tally, license), sort_keys=False, allow_unicode=True)
    template = (files("panda_hf.publishing") / "card.md.j2").read_text(encoding="utf-8")
    body = (
        template_environment()
        .from_string(template)
        .render(
            name=output.path.resolve().name,
            tally=tally,
            record=record,
            license=license,
            license_known=license != UNKNOWN_LICENSE,
            columns=_columns(output),
            sample=sample,
            fence=wording.fence(sample or ""),
            version=__version__,
        )
    )
    return f"---\n{front}---\n\n{body}"


def stated_license(folder: Path) -> str | None:
    """The licence in the front matter of a folder's card; ``None`` when there is no card, or no licence in it."""
    try:
        front = (folder / CARD).read_text(encoding="utf-8").split("---\n", 2)[1]
        stated = yaml.safe_load(front)["license"]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return None
    return stated if isinstance(stated, str) else None


def _front_matter(output: OutputFolder, tally: Tally, license: str) -> dict[str, Any]:
    splits = [{"split": split, "path": f"clips/{split}/*.parquet"} for split in SPLITS.values() if output.files(split)]
    stamp = f"run {output.stamp()}"  # datasets caches by folder name and this front matter, not by what the files hold
    return {
        "pretty_name": wording.clean(output.path.resolve().name, 100),
        "license": license,
        "task_categories": ["video-text-to-text", "text-to-video"],
        "tags": ["video", "video-captioning", "panda_hf"],
        "size_categories": [size_category(sum(tally.clips.values()))],
        "configs": [
            {"config_name": "clips", "default": True, "description": stamp, "data_files": splits},
            {
                "config_name": "videos",
                "description": stamp,
                "data_files": [{"split": "train", "path": "videos/**/*.parquet"}],
            },
        ],
    }


def size_category(rows: int) -> str:
    """The Hub's word for a number of rows, such as ``1K<n<10K``."""
    return _SIZE_NAMES[min(max(len(str(rows)) - 3, 0), len(_SIZE_NAMES) - 1)]


def _columns(output: OutputFolder) -> list[tuple[str, str]]:
    """Each column of the clip rows with what it means."""
    file = next(file for split in SPLITS.values() for file in output.files(split))
    return [(name, meaning(name)) for name in pq.read_schema(file).names]


def meaning(column: str) -> str:
    """What a column of the clip rows holds."""
    if column in MEANINGS:
        return MEANINGS[column]
    if column.startswith(schema.CAPTION_PREFIX):
        return "candidate caption of the teacher " + wording.code(column.removeprefix(schema.CAPTION_PREFIX))
    return "kept from the input"


def _sample(output: OutputFolder) -> str | None:
    """The first captioned row as JSON; ``None`` when there is none."""
    wanted = ("clip_id", "video_id", "start", "end", "subtitle", "caption", "caption_teacher", "matching_score")
    row = next((row for row in output.clips("kept") if row.get("caption")), None)
    if row is None:
        return None
    shown = {name: row[name] for name in wanted if name in row}
    return json.dumps(
        {name: wording.clean(value) if isinstance(value, str) else value for name, value in shown.items()},
        indent=2,
        ensure_ascii=False,
    )


def template_environment() -> Environment:
    """Jinja as the cards use it: nothing is escaped unasked, so each untrusted value passes one of these filters."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters.update(
        clean=wording.clean,
        code=wording.code,
        length=wording.length,
        markdown=wording.markdown,
        moment=wording.moment,
        number="{:,}".format,
        plural=wording.plural,
        reason=wording.reason,
        score=wording.score,
        share=wording.share,
    )
    return environment
