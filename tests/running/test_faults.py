"""Faults, done for real at random moments: rows always add up, and the result is that of the undisturbed run."""

from __future__ import annotations

import calendar
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from panda_hf.errors import OutputError
from panda_hf.running import accounts, curate, merge, retry
from panda_hf.running.manifest import TIME_FORMAT, Manifest
from tests.running.disturbed import OPTIONS, STEPS, disturbed_run
from tests.running.fakes import write_videos
from tests.running.s3_server import SETTINGS, Server, serving
from tests.running.test_resume import output_of, shard_records, wait_for

FAULTS = (
    "the run is killed",
    "a worker is killed",
    "the disk is full",
    "a video disappears",
    "the list changes",
    "the store stumbles",
    "the decoder crashes",
    "the clock jumps",
    "a second run",
)
AT_RANDOM = {"the run is killed", "a worker is killed", "the disk is full", "the list changes", "a second run"}
"""Faults that may come when the run is through already; then they are tried again, earlier."""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.running.disturbed"])


@dataclass
class Scene:
    """A run in the making."""

    folder: Path
    chance: random.Random
    workers: int
    server: Server | None = None
    disk: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    haste: int = 1
    """Of which the fault comes the earlier."""
    happened: bool = False

    @property
    def source(self) -> Path:
        return self.folder / "list.txt"

    @property
    def out(self) -> str:
        return f"s3://bucket/{self.folder.name}" if self.server else str((self.disk or self.folder) / "out")

    def start(self) -> Any:
        self.tries += 1
        assert self.tries < 12, "the run does not come to its end"
        options = {**self.options, "progress": False}
        if self.server:
            options["environment"] = server_environment(self.server)
        said = str(self.folder / f"said-{self.tries}")
        process = FORKS.Process(
            target=disturbed_run, args=(str(self.source), self.out, said, self.workers, options), daemon=False
        )
        process.start()
        return process

    def said(self) -> str:
        path = self.folder / f"said-{self.tries}"
        return path.read_text() if path.exists() else "killed"

    def work_is_there(self) -> bool:
        """Whether something of the run is on disk or in the store."""
        if self.server:
            return self.server.asked > 3
        return any(Path(self.out).glob(".work/0*"))

    def sleep(self) -> None:
        time.sleep(self.chance.uniform(0, 0.4 / self.haste))

    def video(self) -> Path:
        return self.folder / "videos" / f"v{self.chance.randrange(12):02d}.mp4"


def kill_the_run(scene: Scene) -> None:
    process = scene.start()
    wait_for(lambda: scene.work_is_there() or not process.is_alive())
    scene.sleep()
    scene.happened = process.is_alive()
    kill_group(process.pid)
    process.join()


def kill_a_worker(scene: Scene) -> None:
    scene.workers = 2
    process = scene.start()
    wait_for(lambda: scene.work_is_there() or not process.is_alive())
    scene.sleep()
    workers = children(process.pid)
    if workers:
        scene.happened = True
        os.kill(scene.chance.choice(workers), signal.SIGKILL)
    process.join()


def fill_the_disk(scene: Scene) -> None:
    """A disk of so little room that the run cannot end on it; then it is given more."""
    scene.disk = scene.folder / "disk"
    scene.disk.mkdir()
    size = scene.chance.randrange(40, 160) // scene.haste
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(scene.disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    scene.start().join()
    scene.happened = "No space left" in scene.said()
    subprocess.run(["mount", "-o", "remount,size=64m", str(scene.disk)], check=True)


def let_a_video_disappear(scene: Scene) -> None:
    """It comes back when the run is through, and the failed rows are done again."""
    video = scene.video()
    video.rename(video.with_suffix(".gone"))
    process = scene.start()
    process.join()
    video.with_suffix(".gone").rename(video)
    assert scene.said() == "ok"
    scene.happened = True
    summary = retry(scene.out, steps=STEPS, num_workers=0, progress=False)
    assert summary.run.videos.total == 13


def change_the_list(scene: Scene) -> None:
    """Another list of videos is refused; the old one goes on."""
    kill_the_run(scene)
    lines = scene.source.read_text().splitlines()
    if not (Path(scene.out) / "clips").exists() and not list(Path(scene.out).glob(".work/*/done.json")):
        return  # killed before anything was done, which binds nobody
    other = scene.chance.choice([lines[1:], [*lines, "more.mp4"], lines[::-1]])
    scene.source.write_text("\n".join(other))
    scene.start().join()
    assert "was made with other settings" in scene.said(), scene.said()
    scene.source.write_text("\n".join(lines))
    scene.happened = True


def let_the_store_stumble(scene: Scene) -> None:
    assert scene.server is not None
    chance = random.Random(scene.chance.random())
    given: list[str | None] = []

    def trouble() -> str | None:
        given.append({0: "error", 1: "error", 2: "silence"}.get(chance.randrange(12)))
        return given[-1]

    scene.server.trouble = trouble
    if scene.chance.random() < 0.5:
        kill_the_run(scene)
    scene.start().join()
    scene.happened = "error" in given
    scene.server.trouble = lambda: None


def crash_the_decoder(scene: Scene) -> None:
    scene.workers = 1
    video = scene.video()
    clips = video.read_text()
    video.write_text(f"segfault-once {clips}")
    scene.start().join()
    assert video.read_text() == clips, "the crash did not happen"
    scene.happened = True


def let_the_clock_jump(scene: Scene) -> None:
    """That of the process that hands out videos and commits shards; its workers have the machine's."""
    scene.options["clock_jumps"] = scene.chance.choice([100.0, 1e5, 1e8])
    began = time.time()
    if scene.chance.random() < 0.5:
        kill_the_run(scene)
    scene.start().join()
    assert scene.said() == "ok", scene.said()
    records = Manifest.load(Path(scene.out) / "manifest.jsonl").shards.values()
    times = [calendar.timegm(time.strptime(record["committed"], TIME_FORMAT)) for record in records]
    scene.happened = any(not began - 1 <= at <= time.time() + 1 for at in times)


def start_a_second_run(scene: Scene) -> None:
    process = scene.start()
    wait_for(lambda: scene.work_is_there() or not process.is_alive())
    if process.is_alive():
        try:
            summary = curate(str(scene.source), scene.out, num_workers=0, progress=False, **OPTIONS)
        except OutputError as error:
            assert "another run is writing" in str(error)
            scene.happened = True
        else:
            assert summary.videos_now == 0, "a second run worked beside the first"  # the first was through by then
    process.join()


DOES = dict(
    zip(
        FAULTS,
        (
            kill_the_run,
            kill_a_worker,
            fill_the_disk,
            let_a_video_disappear,
            change_the_list,
            let_the_store_stumble,
            crash_the_decoder,
            let_the_clock_jump,
            start_a_second_run,
        ),
        strict=True,
    )
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_source(folder)
    curate(str(folder / "list.txt"), folder / "out", num_workers=0, progress=False, **OPTIONS)
    return folder / "out"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("s3fs")
    with serving() as server, environment(server_environment(server)):
        yield server


def server_environment(server: Server) -> dict[str, str]:
    return {**SETTINGS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}


def write_source(folder: Path) -> None:
    write_videos(folder / "videos", **{f"v{i:02d}": (i * 7) % 6 for i in range(12)}, broken="broken")
    names = sorted(path.name for path in (folder / "videos").iterdir())
    (folder / "list.txt").write_text("\n".join(f"videos/{name}" for name in names))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disturbed_run_ends_as_an_undisturbed_one(
    fault: str, tmp_path: Path, undisturbed: Path, request: Any
) -> None:
    check(fault, 0, tmp_path, undisturbed, request)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 7))
@pytest.mark.parametrize("fault", FAULTS)
def test_many_disturbed_runs_end_as_an_undisturbed_one(
    fault: str, seed: int, tmp_path: Path, undisturbed: Path, request: Any
) -> None:
    check(fault, seed, tmp_path, undisturbed, request)


def check(fault: str, seed: int, tmp_path: Path, undisturbed: Path, request: Any) -> None:
    """Let the fault happen and compare; one that came too late is tried again, twice as early."""
    for haste in (1, 2, 4, 8) if fault in AT_RANDOM else (1,):
        if happened(fault, seed, haste, tmp_path, undisturbed, request):
            return
    pytest.fail(f"{fault}: did not happen")


def happened(fault: str, seed: int, haste: int, tmp_path: Path, undisturbed: Path, request: Any) -> bool:
    folder = tmp_path / uuid.uuid4().hex
    write_source(folder)
    server = request.getfixturevalue("server") if fault == "the store stumbles" else None
    scene = Scene(folder, random.Random(f"{fault} {seed}"), workers=seed % 2, server=server, haste=haste)
    with nothing_mounted(scene):
        DOES[fault](scene)
        while scene.said() != "ok":
            scene.start().join()
        out = local(scene, tmp_path)
        books = Manifest.load(out / "manifest.jsonl")
        accounts.check(list(books.shards.values()), 13)
        assert rows_of(out) == rows_of(undisturbed)
        assert facts_of(out) == facts_of(undisturbed)
    print(f"{fault}: {'done' if scene.happened else 'came too late'}, {scene.tries} runs")
    return scene.happened


def local(scene: Scene, tmp_path: Path) -> Path:
    """The output in a folder; from the store object by object."""
    if scene.server is None:
        return Path(scene.out)
    prefix = scene.out.removeprefix("s3://") + "/"
    for name, content in scene.server.objects.items():
        if name.startswith(prefix):
            path = tmp_path / "fetched" / name.removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return tmp_path / "fetched"


def rows_of(out: Path) -> dict[str, Any]:
    """All tables, as rows without the paths of the videos, and all pictures."""
    import pyarrow.parquet as pq

    found: dict[str, Any] = {}
    for name, content in output_of(out).items():
        if name.endswith(".parquet"):
            rows = pq.read_table(out / name).to_pylist()
            found[name] = [{k: v for k, v in row.items() if k != "video"} for row in rows]
        else:
            found[name] = content
    return found


def facts_of(out: Path) -> dict[int, Any]:
    records = {shard: dict(record) for shard, record in last_records(out).items()}
    for record in records.values():
        record["files"] = {name: known["rows"] for name, known in record["files"].items()}
        record["thumbnails"] = sorted(record["thumbnails"])
    return records


def last_records(out: Path) -> dict[int, Any]:
    books = Manifest.load(out / "manifest.jsonl")
    if not books.changes:
        return shard_records(out)
    hidden = ("stage_seconds", "committed")
    return {n: {k: v for k, v in record.items() if k not in hidden} for n, record in books.shards.items()}


def children(pid: int) -> list[int]:
    return [int(n) for task in Path(f"/proc/{pid}/task").glob("*/children") for n in task.read_text().split()]


def kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # not yet the head of its session, or gone
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@contextmanager
def nothing_mounted(scene: Scene) -> Iterator[None]:
    try:
        yield
    finally:
        if scene.disk is not None and os.path.ismount(scene.disk):
            subprocess.run(["umount", str(scene.disk)], check=True)
        shutil.rmtree(scene.folder, ignore_errors=True)


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def test_a_store_that_stays_away_ends_the_run_and_the_same_call_goes_on(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(tmp_path)
    url, options = f"s3://bucket/{uuid.uuid4().hex}", {**OPTIONS, "num_workers": 0, "progress": False}
    monkeypatch.setattr("panda_hf.running.store.PATIENCE_SECONDS", 1.0)
    server.trouble = lambda: "error"
    with pytest.raises(OutputError, match="the store failed for 1 s"):
        curate(str(tmp_path / "list.txt"), url, shard="0/2", scratch=tmp_path / "scratch", **options)
    server.trouble = lambda: None
    for part in ("0/2", "1/2"):
        curate(str(tmp_path / "list.txt"), url, shard=part, scratch=tmp_path / "scratch", **options)
    assert merge(url, into=tmp_path / "out").videos.total == 13
