"""`select_clips`: the clips of an eager or a streamed dataset that a rule lets pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
from datasets import Dataset, IterableDataset

from panda_hf.errors import MissingColumnError
from panda_hf.stage import AnyDataset, Row, features_of, undecoded
from panda_hf.subsets.blocks import Block, blocks
from panda_hf.subsets.clip_rules import opt_out_columns
from panda_hf.subsets.limits import all_codes, find_limits
from panda_hf.subsets.rule import Subset

_EAGER_ROWS = 65_536
_STREAMED_ROWS = 1_000


def select_clips(dataset: AnyDataset, rule: Subset) -> AnyDataset:
    """The clips that pass ``rule``, in their order; a ``Dataset`` and an ``IterableDataset`` give the same ones.

    A rule with ``max_clips_per_video`` or ``exactly_per_video`` wants the clips of a video next to each other, as the
    release and ``curate`` write them. A rule with ``max_videos`` or ``max_clips`` reads a streamed dataset once more
    for each of the two, when its iteration begins.

    Example::

        select_clips(load_dataset("panda-70m", "full", split="train", streaming=True), panda_10m())

    Raises:
        MissingColumnError: before any work starts, when the dataset lacks a column that the rule asks for.
        SourceError: while rows are read, when a video comes back after another one and the rule compares its clips.
    """
    check_columns(rule, list(features_of(dataset)))
    return _streamed(dataset, rule) if isinstance(dataset, IterableDataset) else _eager(dataset, rule)


def check_columns(rule: Subset, columns: Iterable[str]) -> None:
    """Raise ``MissingColumnError`` naming each column that the rule asks for and ``columns`` lacks."""
    known = sorted(columns)
    missing = [column for column in rule.columns if column not in known]
    if missing:
        raise MissingColumnError(
            f"the rule asks for the column(s) {missing}, which the dataset lacks; it has {known}. "
            f"Leave that part of the rule out, or rename your column."
        )
    if rule.opt_out and not opt_out_columns(known):
        raise MissingColumnError(
            f"an opt-out list was given, but the dataset has no column that names videos or channels, such as "
            f"video_id, url or channel_id; it has {known}"
        )


def read_columns(rule: Subset, columns: Iterable[str]) -> list[str]:
    """Of the columns of a dataset, those that must be read to decide; at least one."""
    known = list(columns)
    wanted = [*rule.columns, *(opt_out_columns(known) if rule.opt_out else [])]
    return [name for name in known if name in wanted] or known[:1]


def _eager(dataset: Dataset, rule: Subset) -> Dataset:
    needed = dataset.select_columns(read_columns(rule, dataset.column_names)).with_format("arrow")

    def passes() -> Iterator[Block]:
        return blocks(needed.iter(_EAGER_ROWS), whole_videos=rule.per_video is not None)

    kept = [all_codes(rule, limits, block) == 0 for limits in [find_limits(rule, passes)] for block in passes()]
    return dataset.select(np.flatnonzero(np.concatenate(kept or [np.zeros(0, bool)])))


def _streamed(dataset: IterableDataset, rule: Subset) -> IterableDataset:
    source, features = undecoded(dataset), features_of(dataset)
    selected = IterableDataset.from_generator(_rows, gen_kwargs={"dataset": source, "rule": rule})
    return selected.cast(features)


def _rows(dataset: IterableDataset, rule: Subset) -> Iterator[Row]:
    tables = _passes(dataset.with_format("arrow"), rule)
    limits = find_limits(rule, tables)
    for block in tables():
        yield from block.table.filter(pa.array(all_codes(rule, limits, block) == 0)).to_pylist()


def _passes(dataset: IterableDataset, rule: Subset) -> Callable[[], Iterator[Block]]:
    return lambda: blocks(dataset.iter(_STREAMED_ROWS), whole_videos=rule.per_video is not None)
