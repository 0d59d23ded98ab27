"""`panda-hf push`: a dataset folder to the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from panda_hf.publishing.hub import PushSummary


def push(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder of a dataset.", show_default=False)],
    repo: Annotated[
        str, typer.Argument(metavar="USER/NAME", help="The dataset repository on the Hub.", show_default=False)
    ],
    private: Annotated[
        bool | None,
        typer.Option(
            "--private/--public", help="Of a new repository, else as the account has it. One that is there must be so."
        ),
    ] = None,
    config: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this configuration; repeat it for several.")
    ] = None,
    with_videos: Annotated[
        bool, typer.Option("--with-videos", help="Publish the long videos too, each once. Else rows refer to none.")
    ] = False,
    opt_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Videos and channels that are not published.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done.")] = False,
    message: Annotated[str | None, typer.Option(metavar="TEXT", help="Of the commits.")] = None,
) -> None:
    """Publish OUT as a dataset on the Hub: data, card and provenance; then read back what arrived.

    Run it again to publish what is new; interrupted, the same command goes on. The token is that of `hf auth login`,
    or HF_TOKEN. Paths of this machine are taken out of what is published.
    """
    from panda_hf.publishing.hub import push as publish
    from panda_hf.rights import OptOut

    summary = publish(
        out,
        repo,
        private=private,
        configs=config or None,
        with_videos=with_videos,
        opt_out=OptOut.read(opt_out),
        dry_run=dry_run,
        message=message,
        say=lambda text: typer.echo(text, err=True),
    )
    if dry_run:
        typer.echo("\n".join(listed(summary)))
    typer.echo(str(summary))
    if not dry_run:
        typer.echo(f'Load it:\n  load_dataset("{repo}")')


def listed(summary: PushSummary) -> list[str]:
    """A line for each file that is new, other, or no longer there."""
    new = [f"upload {name} ({size:,} bytes)" for name, size in summary.uploaded.items()]
    return [*new, *(f"delete {name}" for name in summary.deleted)]
