"""Retrieval models on one benchmark: recall and ranks in both directions, intervals, comparisons, samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from panda_hf.errors import SourceError
from panda_hf.evaluation.captioning import Report
from panda_hf.evaluation.measured import Measured, differences
from panda_hf.evaluation.page import Extremes, Sample, strip
from panda_hf.evaluation.references import References
from panda_hf.evaluation.results import Benchmark, Evaluation, Score
from panda_hf.evaluation.scoring import metric_module

TASK = "video-text-retrieval"
CUT_OFFS = (1, 5, 10)
METRICS = tuple(
    f"{direction}_{name}"
    for direction in ("t2v", "v2t")
    for name in (*(f"R@{k}" for k in CUT_OFFS), "median_rank", "mean_rank")
)
"""The figures of papers, in their order."""
COMPARED = ("t2v_R@1", "t2v_R@5", "t2v_R@10", "v2t_R@1", "v2t_R@5", "v2t_R@10")

Ties = Literal["average", "optimistic", "pessimistic"]
VideoToText = Literal["captions", "videos"]
"""A video's best text is ranked among all texts of other videos, or among the best text of each (CLIP4Clip)."""
TextChoice = Literal["all", "first", "joined"]
"""Every caption of a video is a query; only its first; or all joined to one paragraph."""
Missing = Literal["error", "drop"]


@dataclass(frozen=True)
class Queries:
    """The texts of a benchmark and the video of each."""

    ids: tuple[str, ...]
    """Videos."""
    texts: tuple[str, ...]
    owners: np.ndarray
    """(texts,) index of each text's video."""
    choice: TextChoice

    @property
    def protocol(self) -> str:
        """What is asked, in words."""
        texts, videos = len(self.texts), len(self.ids)
        if texts == videos:
            how = {"all": "one text a video", "first": "the first caption of each video"}
            said = how.get(self.choice, "the captions of a video joined to one paragraph")
        else:
            said = "every caption asks for its video, a video is found by its best caption"
        return f"{texts:,} texts, {videos:,} videos ({said})"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The similarities of one model."""

    name: str
    similarity: np.ndarray
    """(texts, videos)."""
    backward: np.ndarray | None = None
    """(texts, videos) for video-to-text, where a second step looked at other pairs; ``None``: the same."""
    videos: tuple[str, ...] | None = None
    """Ids of the columns; ``None``: all videos of the benchmark in its order."""
    settings: dict[str, Any] = field(default_factory=dict)


def queries_of(references: References, choice: TextChoice = "all") -> Queries:
    """The texts that ask, in the order of the benchmark.

    The configurations that papers report on need only ``all``: ``1k-a`` of MSR-VTT has one caption a video, DiDeMo's
    ``paragraph`` is joined already, and of MSVD all captions ask.
    """
    texts: list[str] = []
    owners: list[int] = []
    for number, captions in enumerate(references.values()):
        own = {"all": list(captions), "first": [captions[0]], "joined": [" ".join(captions)]}[choice]
        texts += own
        owners += [number] * len(own)
    return Queries(tuple(references), tuple(texts), np.array(owners), choice)


def evaluate_retrieval(
    queries: Queries,
    benchmark: Benchmark,
    matrices: Sequence[Matrix],
    *,
    ties: Ties = "average",
    video_to_text: VideoToText = "captions",
    missing: Missing = "error",
    videos: Mapping[str, Any] | None = None,
    samples: int = 6,
) -> Report:
    """Score every model, compare every two, and pick the texts that found their video and those that did not.

    Intervals are over videos, each drawn with all its texts: texts of one video are no independent queries.

    Args:
        queries: the texts (:func:`queries_of`).
        benchmark: its name for the results.
        matrices: models with names that differ.
        ties: the place of a video that is level with others; see the card of ``retrieval_recall``.
        video_to_text: among which texts a video's best one is ranked.
        missing: a video that a model has no column for is an error, or left out with its texts, and counted.
        videos: a video reference by id, for the pictures of the page.
        samples: how many best and worst texts of each model are shown.

    Raises:
        SourceError: for a matrix of another shape, and for missing videos unless ``missing`` is ``"drop"``.
    """
    kept = _kept(queries, matrices, missing)
    found = {one.name: _ranked(_restricted(one, queries, kept), kept, ties, video_to_text) for one in matrices}
    dropped = len(queries.ids) - len(kept.ids)
    measured = {name: one.measured for name, one in found.items()}
    said = {"ties": ties, "video_to_text": video_to_text, "texts": queries.choice, "queries": kept.protocol}
    evaluations = tuple(
        Evaluation(
            model=one.name,
            task=TASK,
            benchmark=benchmark,
            scores=_scores(found[one.name]),
            missing=dropped,
            settings={**one.settings, **said},
        )
        for one in matrices
    )
    return Report(
        evaluations=evaluations,
        differences=tuple(differences(measured, COMPARED)),
        samples=tuple(_samples(one, found[one.name], queries, kept, videos or {}, samples) for one in matrices),
        notes=tuple(_notes(found, dropped, len(queries.ids))),
    )


@dataclass(frozen=True)
class _Ranked:
    """What the metric says of one model, and its figures item by item."""

    raw: dict[str, Any]
    measured: dict[str, Measured]
    similarity: np.ndarray


def _kept(queries: Queries, matrices: Sequence[Matrix], missing: Missing) -> Queries:
    """The texts whose video every model has."""
    held = [set(queries.ids) if one.videos is None else set(one.videos) for one in matrices]
    lacking = [name for name in queries.ids if not all(name in have for have in held)]
    if not lacking:
        return queries
    if missing == "error":
        raise SourceError(
            f"{len(lacking):,} of {len(queries.ids):,} videos could not be read, such as "
            f"{', '.join(map(repr, lacking[:3]))}; complete them, or leave them and their texts out (--missing drop)"
        )
    gone = set(lacking)
    stay = [i for i, name in enumerate(queries.ids) if name not in gone]
    place = {old: new for new, old in enumerate(stay)}
    texts = [i for i, owner in enumerate(queries.owners) if int(owner) in place]
    if not texts:
        raise SourceError("no video is left that every model has")
    owners = np.array([place[int(queries.owners[i])] for i in texts])
    return Queries(tuple(queries.ids[i] for i in stay), tuple(queries.texts[i] for i in texts), owners, queries.choice)


def _restricted(one: Matrix, queries: Queries, kept: Queries) -> list[np.ndarray]:
    """The model's similarities of the texts and videos that are kept, both in the order of the benchmark; a second
    matrix where video-to-text has one of its own."""
    columns = one.videos or queries.ids
    expected = (len(queries.texts), len(columns))
    if one.similarity.shape != expected:
        turned = " Its transpose fits: give --transpose." if one.similarity.T.shape == expected else ""
        raise SourceError(
            f"{one.name}: similarities of shape {one.similarity.shape}, but the benchmark asks for {expected[0]:,} "
            f"texts x {expected[1]:,} videos.{turned}"
        )
    place = {name: i for i, name in enumerate(columns)}
    stay = set(kept.ids)
    rows = [i for i, owner in enumerate(queries.owners) if queries.ids[int(owner)] in stay]
    wanted = np.ix_(rows, [place[name] for name in kept.ids])
    return [matrix[wanted] for matrix in (one.similarity, one.backward) if matrix is not None]


def _ranked(similarities: list[np.ndarray], queries: Queries, ties: Ties, video_to_text: VideoToText) -> _Ranked:
    raw: dict[str, Any] = {}
    for similarity, directions in zip(similarities, ("", "v2t_"), strict=False):
        try:
            told = metric_module("retrieval_recall").compute(
                predictions=similarity,
                references=queries.owners,
                ties=ties,
                video_to_text=video_to_text,
                ks=CUT_OFFS,
                per_item=True,
            )
        except ValueError as error:
            raise SourceError(str(error)) from error
        raw |= {name: value for name, value in told.items() if name.startswith(directions)}
    measured: dict[str, Measured] = {}
    for direction, owners in (("t2v", queries.owners), ("v2t", np.arange(len(queries.ids)))):
        ranks = np.array(raw[f"{direction}_ranks"])
        for k in CUT_OFFS:
            measured[f"{direction}_R@{k}"] = _over_videos((ranks < k + 1).astype(float), owners, 100.0)
        measured[f"{direction}_mean_rank"] = _over_videos(ranks, owners, 1.0)
    return _Ranked(raw, measured, similarities[0])


def _over_videos(values: np.ndarray, owners: np.ndarray, printed: float) -> Measured:
    """A mean over texts whose items are videos: sum and number of the texts of each."""
    table = np.stack([np.bincount(owners, values), np.bincount(owners)], axis=1)
    return Measured(statistics=table, from_sums=lambda sums: sums[:, 0] / sums[:, 1], printed=printed)


def _scores(found: _Ranked) -> dict[str, Score]:
    """Medians have no interval: they are not decided by sums over videos."""
    return {
        metric: found.measured[metric].as_score()
        if metric in found.measured
        else Score(value=float(found.raw[metric]), printed=1.0)
        for metric in METRICS
    }


def _samples(
    one: Matrix, found: _Ranked, queries: Queries, kept: Queries, videos: Mapping[str, Any], count: int
) -> Extremes:
    """Texts that found their video by the widest margin, and those that found it last."""
    ranks = np.array(found.raw["t2v_ranks"])
    own = found.similarity[np.arange(len(kept.texts)), kept.owners]
    others = found.similarity.astype(float).copy()
    others[np.arange(len(kept.texts)), kept.owners] = -np.inf
    first = others.argmax(axis=1)
    order = np.lexsort((-(own - others.max(axis=1)), ranks))

    def sample(i: int) -> Sample:
        video = kept.ids[int(kept.owners[i])]
        note = None if ranks[i] == 1 else f"first was {kept.ids[int(first[i])]}"
        texts = [kept.texts[j] for j in np.flatnonzero(kept.owners == kept.owners[i]) if j != i]
        return Sample(
            video_id=video,
            prediction=kept.texts[i],
            references=tuple(texts),
            score=float(ranks[i]),
            strip=strip(videos.get(video)),
            note=note,
        )

    half = min(count, -(-len(kept.ids) // 2))
    best = tuple(map(sample, _of_other_videos(order, kept.owners, half)))
    worst = _of_other_videos(order[::-1], kept.owners, min(count, len(kept.ids) - half))
    return Extremes(model=one.name, metric="t2v_rank", best=best, worst=tuple(map(sample, worst)), printed=1.0)


def _of_other_videos(order: np.ndarray, owners: np.ndarray, count: int) -> list[int]:
    """The first texts of the order, one of each video at most."""
    first = {int(owners[i]): int(i) for i in order[::-1]}
    return sorted(first.values(), key={int(i): place for place, i in enumerate(order)}.__getitem__)[:count]


def _notes(found: Mapping[str, _Ranked], dropped: int, videos: int) -> list[str]:
    notes = (
        [f"{dropped:,} of {videos:,} videos could not be read and are left out with their texts"] if dropped else []
    )
    for name, one in found.items():
        for direction in ("t2v", "v2t"):
            tied = one.raw[f"{direction}_tied_queries"]
            if tied:
                low, high = (one.raw[f"{direction}_R@1_{rule}"] * 100 for rule in ("pessimistic", "optimistic"))
                notes.append(
                    f"{name}: {tied:,} {direction.upper()} queries are tied; R@1 is {low:.1f} under the pessimistic "
                    f"rule and {high:.1f} under the optimistic one"
                )
    return notes
