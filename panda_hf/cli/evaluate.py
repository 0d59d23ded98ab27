"""`panda-hf evaluate`: captioners and retrieval models on a benchmark, from predictions or from the models."""

from __future__ import annotations

import typer

from panda_hf.cli.evaluate_captioning import captioning
from panda_hf.cli.evaluate_retrieval import retrieval

evaluate = typer.Typer(no_args_is_help=True, help="Score captioners and retrieval models, with intervals and tests.")
evaluate.command()(captioning)
evaluate.command()(retrieval)
