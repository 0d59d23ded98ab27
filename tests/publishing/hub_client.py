"""A push to the Hub on loopback, by the real client, each time in a process of its own; and datasets to push."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.mini.release_csv import write_release_csv
from panda_hf.subsets import Subset, make_subset
from tests.publishing.hub_server import WRITER, Hub

REPO = "user/clips"


def in_process(hub: Hub, home: Path, code: str, token: str | None = WRITER) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **hub.environment(home, token)}
    environment.pop("HF_TOKEN_PATH", None)
    if token is None:
        environment.pop("HF_TOKEN", None)
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=280)


def pushed(hub: Hub, home: Path, out: Path, options: str = "private=True", token: str | None = WRITER) -> dict:
    code = (
        "import json, dataclasses; from panda_hf.publishing.hub import push; from panda_hf.rights import OptOut\n"
        f"s = push({str(out)!r}, {REPO!r}, {options}, pause_seconds=0.01)\nprint(json.dumps(dataclasses.asdict(s)))"
    )
    done = in_process(hub, home, code, token)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def refused(hub: Hub, home: Path, out: Path, options: str = "private=True", token: str | None = WRITER) -> str:
    code = (
        "from panda_hf.publishing.hub import push; from panda_hf.errors import PandaError\n"
        f"try: push({str(out)!r}, {REPO!r}, {options}, pause_seconds=0.01)\n"
        "except PandaError as e: print('REFUSED', e)"
    )
    done = in_process(hub, home, code, token)
    assert done.returncode == 0 and "REFUSED" in done.stdout, done.stderr[-3000:]
    return done.stdout


def loaded(hub: Hub, home: Path, config: str, split: str, streaming: bool) -> list[dict]:
    code = (
        "import json; from datasets import load_dataset\n"
        f"rows = load_dataset({REPO!r}, {config!r}, split={split!r}, streaming={streaming})\n"
        "print(json.dumps([dict(r) for r in rows], default=str))"
    )
    done = in_process(hub, home, code)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def small(folder: Path, shards: int = 3, rows: int = 4) -> Path:
    """A dataset of ours with a card, quickly made."""
    (folder / "data").mkdir(parents=True)
    for number in range(shards):
        table = pa.table({"video_id": [f"v{number}.{i}" for i in range(rows)], "caption": ["x" * 50_000] * rows})
        pq.write_table(table, folder / "data" / f"train-{number}.parquet", compression="none", use_dictionary=False)
    card = "---\nlicense: cc0-1.0\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n"
    card += "    path: data/*.parquet\n"
    (folder / "README.md").write_text(card + "---\n\n# Small\n")
    return folder


def built(folder: Path) -> Path:
    """A build of 50 videos with a curated split, in ``folder``."""
    source = write_release_csv(folder / "panda70m_validation.csv", 50, mean_clips=3)
    (folder / "panda70m_training_2m.csv").write_bytes(
        write_release_csv(folder / "other.csv", 20, mean_clips=3, seed=7).read_bytes()
    )
    words = ["build", "panda-70m", "--csv", str(source), "--csv", str(folder / "panda70m_training_2m.csv")]
    result = CliRunner().invoke(app, [*words, "--out", str(folder / "out")])
    assert result.exit_code == 0, (result.output, result.exception)
    make_subset(folder / "out", "good", Subset(min_score=0.45), config="full", split="validation")
    return folder / "out"
