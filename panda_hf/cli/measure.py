"""`panda-hf measure`: measures of the clips of a finished dataset, and what limits on them would keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panda_hf.cli import curate_options as options

if TYPE_CHECKING:
    from panda_hf.measuring.rates import KeepRates
    from panda_hf.stage import Stage

DEFAULT = "motion, sharpness, brightness, black_border, text_area, screens, desirable"


def measure(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder of a finished run.", show_default=False)],
    measures: Annotated[
        list[str] | None,
        typer.Option(
            "--measure", metavar="NAME", help=f"Repeat it for several: {DEFAULT} or lpips. Else all but lpips."
        ),
    ] = None,
    lpips_weights: Annotated[
        str | None,
        typer.Option(metavar="FILE|random", help="ImageNet weights of AlexNet for lpips; else torchvision's cache."),
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="Measure nothing; print what is known.")] = False,
    workers: options.Workers = None,
    time_limit: options.TimeLimit = 600.0,
) -> None:
    """Append measures to the clips of OUT, leave all else as it is, and print which share each limit would keep.

    The frames are those that the run sampled, decoded once for all measures. What was measured with the same settings
    is not measured again. `panda-hf subset OUT --limit "motion>=0.002"` makes a split of what passes.
    """
    from panda_hf.running import extend

    stages = [] if table else missing_stages(out, measures, lpips_weights)
    if stages:
        summary = extend(out, stages, num_workers=workers, time_limit_seconds=time_limit)
        typer.echo(str(summary))
    typer.echo("\n".join(tables(read_measures(out))))


def missing_stages(out: Path, names: list[str] | None, lpips_weights: str | None) -> list[Stage]:
    """The stages that measure what is asked for and not there yet; what is there stays."""
    from panda_hf.errors import OutputError
    from panda_hf.measuring import MeasureFrames
    from panda_hf.measuring.frames import MEASURES
    from panda_hf.pipeline import measure_stages
    from panda_hf.running.manifest import NAME, Manifest
    from panda_hf.running.recorded import recorded_steps

    if not (out / NAME).exists():
        raise OutputError(f"{out} is not the folder of a run (no {NAME}); merge the parts of one first")
    steps = recorded_steps(Manifest.load(out / NAME).head["steps"])
    there = [name for step in steps if isinstance(step, MeasureFrames) for name in step.measures]
    try:
        wanted = measure_stages([*there, *(names or [*MEASURES, "desirable"])], lpips_weights=lpips_weights)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--measure") from error
    return [stage for stage in wanted if stage not in steps]


def read_measures(out: Path) -> dict[str, list[Any]]:
    """The columns of measures that the kept clips of OUT have."""
    import pyarrow.parquet as pq

    from panda_hf.measuring.rates import COLUMNS

    found: dict[str, list[Any]] = {}
    for path in sorted((out / "clips" / "train").glob("*.parquet")):
        names = set(pq.read_schema(path).names)
        wanted = [column.name for column in COLUMNS if column.name in names]
        columns = pq.read_table(path, columns=[*wanted, *sorted({"desirable_filtering"} & names)]).to_pydict()
        for name, values in columns.items():
            found.setdefault(name, []).extend(values)
    return found


def tables(values: dict[str, list[Any]]) -> list[str]:
    """The printed tables: what limits keep, and the labels."""
    from panda_hf.measuring.rates import COLUMNS, keep_rates, label_rates

    if not values:
        return ["No kept clip has a measure; run panda-hf measure OUT without --table."]
    count = len(next(iter(values.values())))
    lines = [f"\n{'measure':18} {'25 %':>8} {'median':>8} {'75 %':>8}   limit and share kept, of {count:,} clips"]
    lines += [_line(keep_rates(column, values[column.name])) for column in COLUMNS if column.name in values]
    if labels := values.get("desirable_filtering"):
        lines.append("\ndesirable_filtering, by rules over these measures (not the release's own labels)")
        lines += [
            f"  {label:30} {count:>8,} {count / len(labels):7.1%}" for label, count in label_rates(labels).items()
        ]
    return lines


def _line(rates: KeepRates) -> str:
    shown = [f"{value:8.4f}" for value in rates.quartiles] if rates.quartiles else [f"{'-':>8}"] * 3
    limits = [
        f"{rule.removeprefix(rates.column.name)} {kept:.0%}"
        for rule, kept in zip(rates.rules, rates.kept, strict=True)
    ]
    unknown = f"  ({rates.unknown:,} unknown)" if rates.unknown else ""
    return f"{rates.column.name:18} {' '.join(shown)}   {'  '.join(limits)}{unknown}"
