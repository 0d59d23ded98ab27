"""The options of `panda-hf push-model`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str,
    typer.Argument(metavar="FOLDER", help="Of a student, selector or teacher; or mini/NAME.", show_default=False),
]
Repo = Annotated[str, typer.Argument(metavar="USER/NAME", help="The model repository on the Hub.", show_default=False)]
Private = Annotated[
    bool | None,
    typer.Option(
        "--private/--public", help="Of a new repository, else as the account has it. One that is there must be so."
    ),
]
License = Annotated[
    str | None, typer.Option(metavar="LICENSE", help="Of the whole, as the Hub spells it: apache-2.0.")
]
Part = Annotated[
    list[str] | None,
    typer.Option(metavar="PART=LICENSE", help="Of a part, such as the language model. Repeatable."),
]
Evaluation = Annotated[
    list[Path] | None,
    typer.Option(metavar="FOLDER", help="What `panda-hf evaluate … --out` wrote of this model. Repeatable."),
]
EvaluatedAs = Annotated[
    str | None, typer.Option(metavar="NAME", help="The model's name there, where several were evaluated.")
]
Data = Annotated[
    str | None, typer.Option(metavar="TEXT", help="On what it was trained, where its record does not say.")
]
Dataset = Annotated[list[str] | None, typer.Option(metavar="ID", help="Its datasets on the Hub. Repeatable.")]
BaseModel = Annotated[str | None, typer.Option(metavar="ID", help="On the Hub, that it started from.")]
Limit = Annotated[list[str] | None, typer.Option(metavar="TEXT", help="One more limit. Repeatable.")]
Card = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the card there and publish nothing.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would be done.")]
Message = Annotated[str | None, typer.Option(metavar="TEXT", help="Of the commits.")]
