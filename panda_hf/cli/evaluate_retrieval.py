"""`panda-hf evaluate retrieval`: texts that find their videos, and videos their texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from panda_hf.cli import evaluate_options as options
from panda_hf.errors import SourceError

if TYPE_CHECKING:
    from datasets import Dataset

    from panda_hf.evaluation.retrieval import Matrix, Queries


def retrieval(
    dataset: options.DatasetName,
    model: options.RetrievalModels = None,
    similarity: options.SimilarityFiles = None,
    config: options.Config = None,
    split: options.Split = "test",
    texts: options.TextChoice = options.Texts.all,
    ties: options.TieRule = options.Ties.average,
    video_to_text: options.BackwardRule = options.VideoToText.captions,
    missing: options.UnreadVideo = options.Unread.error,
    out: options.Out = Path("evaluation"),
    samples: options.Samples = 6,
    key: options.ArrayKey = None,
    transpose: options.Transpose = False,
    num_frames: options.NumFrames = 12,
    batch_size: options.BatchSize = 32,
    rerank: options.Rerank = None,
) -> None:
    """Score text-to-video and video-to-text retrieval: R@1, R@5, R@10, median and mean rank.

    MSR-VTT 1k-A: --config 1k-a of `panda-hf build msrvtt`, one text a video. MSVD: all captions ask. DiDeMo: --config
    paragraph, whose sentences are joined already. With --rerank a UMT is scored twice: by similarity alone, and in the
    two steps of its own evaluation.
    """
    from panda_hf.cli.evaluate_printing import print_retrieval
    from panda_hf.evaluation.references import Videos, benchmark_of, load_benchmark, references_of
    from panda_hf.evaluation.retrieval import evaluate_retrieval, queries_of
    from panda_hf.evaluation.writing import check_out, write_report

    options.no_bars_of_libraries()
    check_out(out)
    if not model and not similarity:
        raise SourceError("nothing to evaluate: give --model MODEL or --similarity FILE")
    rows = load_benchmark(dataset, config, split)
    references = references_of(rows)
    queries = queries_of(references, texts.value)
    matrices = from_files(similarity or [], key, transpose)
    matrices += from_models(model or [], rows, queries, num_frames=num_frames, batch_size=batch_size, rerank=rerank)
    report = evaluate_retrieval(
        queries,
        benchmark_of(dataset, rows, references, split),
        matrices,
        ties=ties.value,
        video_to_text=video_to_text.value,
        missing=missing.value,
        videos=Videos(rows),
        samples=samples,
    )
    print_retrieval(report, write_report(options.with_command(report, out), out))


def from_files(given: list[str], key: str | None, transpose: bool) -> list[Matrix]:
    """The similarities of files."""
    from panda_hf.evaluation.names import check_names, named
    from panda_hf.evaluation.retrieval import Matrix
    from panda_hf.evaluation.similarity_file import read_similarity

    pairs = [named(one) for one in given]
    check_names([name for name, _ in pairs])
    found = []
    for name, path in pairs:
        matrix = read_similarity(path, key)
        similarity = matrix.T if transpose else matrix
        found.append(Matrix(name=name, similarity=similarity, settings={"similarity_file": Path(path).name}))
    return found


def from_models(
    given: list[str],
    rows: Dataset,
    queries: Queries,
    *,
    num_frames: int,
    batch_size: int,
    rerank: int | None = None,
) -> list[Matrix]:
    """The similarities that models compute, one model after another in memory; two of each model that re-ranks."""
    from panda_hf.evaluation.embedding import load_encoder, similarities
    from panda_hf.evaluation.names import called, check_names, named
    from panda_hf.evaluation.retrieval import Matrix
    from panda_hf.evaluation.retrieval_rerank import load_reranker, two_steps
    from panda_hf.models.release import release_models

    pairs = [named(one) for one in given]
    check_names([name for name, _ in pairs])
    rerankers = {name: load_reranker(checkpoint) for name, checkpoint in pairs} if rerank else {}
    found: list[Matrix] = []
    for name, checkpoint in pairs:
        said = {"checkpoint": called(checkpoint), "num_frames": num_frames}
        if rerank:
            found += two_steps(
                rerankers.pop(name), rows, queries.texts, rerank, name=name, num_frames=num_frames,
                batch_size=batch_size, settings=said,
            )  # fmt: skip
            release_models()
            continue
        encoder = load_encoder(checkpoint, batch_size)
        matrix, ids = similarities(encoder, rows, queries.texts, num_frames=num_frames)
        settings = {**said, **encoder.settings}
        found.append(Matrix(name=name, similarity=matrix, videos=tuple(ids), settings=settings))
        release_models()
    return found
