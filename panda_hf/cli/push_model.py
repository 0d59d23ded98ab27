"""`panda-hf push-model`: a model to the Hub, with a card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from panda_hf.cli import push_model_options as options
from panda_hf.errors import SourceError

if TYPE_CHECKING:
    from panda_hf.evaluation.results import Evaluation
    from panda_hf.publishing.model_card import Told


def push_model(
    model: options.Model,
    repo: options.Repo,
    private: options.Private = None,
    license: options.License = None,
    part: options.Part = None,
    evaluation: options.Evaluation = None,
    evaluated_as: options.EvaluatedAs = None,
    data: options.Data = None,
    dataset: options.Dataset = None,
    base_model: options.BaseModel = None,
    limit: options.Limit = None,
    card: options.Card = None,
    dry_run: options.DryRun = False,
    message: options.Message = None,
) -> None:
    """Publish a model on the Hub: safetensors, settings, processor, and a card made from what was run; then check it.

    Run it again to publish what is new. Folders that hold pickles, other code, secrets or paths of this machine are
    refused. The token is that of `hf auth login`, or HF_TOKEN.
    """
    from panda_hf.cli.push import listed
    from panda_hf.models.checkpoints import MINI_PREFIX, resolve
    from panda_hf.publishing.card import UNKNOWN_LICENSE
    from panda_hf.publishing.hub.push_model import push_model as publish
    from panda_hf.publishing.model_card import Told, render_model_card

    folder = Path(resolve(model))
    told = measured(
        Told(
            license=license or UNKNOWN_LICENSE,
            parts=tuple(pair(one) for one in part or ()),
            data=data,
            limits=tuple(limit or ()),
            datasets=tuple(dataset or ()),
            base_model=base_model,
            mini=model.startswith(MINI_PREFIX),
        ),
        evaluation or [],
        evaluated_as,
    )
    if card is not None:
        card.write_text(render_model_card(folder, repo, told), encoding="utf-8")
        typer.echo(f"wrote {card}")
        return
    summary = publish(
        folder, repo, told, private=private, dry_run=dry_run, message=message,
        say=lambda text: typer.echo(text, err=True),
    )  # fmt: skip
    if dry_run:
        typer.echo("\n".join(listed(summary)))
    typer.echo(str(summary))
    if not dry_run:
        typer.echo(f"https://huggingface.co/{repo}")


def pair(given: str) -> tuple[str, str]:
    """``PART=LICENSE`` in two.

    Raises:
        SourceError: when it is not of this form.
    """
    name, sign, terms = given.partition("=")
    if not sign or not name.strip() or not terms.strip():
        raise SourceError(f"--part {given!r} must be PART=LICENSE, such as 'language model=llama2'")
    return name.strip(), terms.strip()


def measured(told: Told, folders: Sequence[Path], name: str | None) -> Told:
    """What was told, with the figures of evaluations and the commands that print them.

    Raises:
        SourceError: when a folder is of no evaluation, or of several models and none of them is named.
    """
    from dataclasses import replace

    from panda_hf.evaluation.results import model_index, read_results
    from panda_hf.publishing.model_card import Measured

    chosen = [one for folder in folders for one in _of_model(read_results(folder), name, folder)]
    rows = tuple(
        Measured(benchmark(one), metric, score.value, score.low, score.high)
        for one in chosen
        for metric, score in one.scores.items()
    )
    index = model_index([replace(one, model="this") for one in chosen])
    return replace(told, measured=rows, commands=tuple(map(command_of, chosen)), model_index=index)


def benchmark(one: Evaluation) -> str:
    """A benchmark's name, configuration and split."""
    parts = (one.benchmark.name, one.benchmark.config, one.benchmark.split)
    return " ".join(part for part in parts if part) + f", {one.benchmark.videos:,} videos"


def command_of(one: Evaluation) -> str:
    """What printed the figures: as it was noted, else put together from what the results say."""
    if isinstance(noted := one.settings.get("command"), str):
        return noted
    task = "retrieval" if "retrieval" in one.task else "captioning"
    config = f" --config {one.benchmark.config}" if one.benchmark.config else ""
    return (
        f"panda-hf evaluate {task} -d {one.benchmark.name}{config} --split {one.benchmark.split} --model {one.model}"
    )


def _of_model(found: list[Evaluation], name: str | None, folder: Path) -> list[Evaluation]:
    models = sorted({one.model for one in found})
    if name is None and len(models) > 1:
        raise SourceError(f"{folder} is of several models: {models}; say which by --evaluated-as")
    chosen = [one for one in found if name in (None, one.model)]
    if not chosen:
        raise SourceError(f"{folder} has no model called {name!r}; it has {models}")
    return chosen
