"""A download that was stopped, at any moment and in any way, goes on; nothing is fetched or cut for nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from panda_hf.download import DownloadSummary, FetchOptions, Making, download
from panda_hf.download.journal import Journal
from panda_hf.errors import OutputError
from panda_hf.rights import OptOut
from tests.download.server import Server

QUICK = FetchOptions(retries=1, back_off_seconds=0.05, max_back_off_seconds=1.0, socket_timeout=2.0, subtitles=())
CLIPS = Making(clips=True)

pytest.importorskip("yt_dlp")

DIES_WHILE_CUTTING = """
import os, signal, sys
import panda_hf.download.settling as settling
settling.cut_planned = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
from panda_hf.download import FetchOptions
from panda_hf.download.plan import Plan
from panda_hf.download.run import Making, download
options = FetchOptions(allow_hosts=(sys.argv[3],), subtitles=())
download(Plan(sys.argv[1]), sys.argv[2], making=Making(clips=True), options=options, workers=1)
"""


def clip_table(path: Path, urls: dict[str, str]) -> str:
    """Three clips of each video: two that it shows, one in the middle beyond its end."""
    spans = [(0.0, 1.0), (50.0, 51.0), (2.0, 3.5)]
    rows = [
        {
            "clip_id": f"{name}.{i}",
            "video_id": name,
            "url": url,
            "start": start,
            "end": end,
            "caption": f"of {name}.{i}",
        }
        for name, url in urls.items()
        for i, (start, end) in enumerate(spans)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def run(source: str, out: Path, server: Server, **changes: Any) -> DownloadSummary:
    options = replace(QUICK, allow_hosts=(server.host,))
    return download(source, out, options=options, workers=2, time_limit=30, **changes)


def rows(out: Path, config: str, split: str = "train") -> dict[str, dict[str, Any]]:
    loaded = load_dataset(str(out), config, split=split, cache_dir=str(out.parent / "cache"))
    return {row["clip_id" if config == "clips" else "video_id"]: row for row in loaded}


def die_while_cutting(source: str, out: Path, server: Server) -> None:
    command = [sys.executable, "-c", DIES_WHILE_CUTTING, source, str(out), server.host]
    assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL


def test_clips_that_a_killed_run_was_cutting_are_made_by_the_next_without_fetching_again(
    server: Server, film: bytes, tmp_path: Path
) -> None:
    source = clip_table(tmp_path / "c.jsonl", {"v": server.add("film.mp4", film)})
    die_while_cutting(source, tmp_path / "out", server)
    (tmp_path / "out" / "clips_media").mkdir()
    (tmp_path / "out" / "clips_media" / ".0123.tmp").write_bytes(b"half a clip")
    seen = len(server.requests)
    summary = run(source, tmp_path / "out", server, making=CLIPS)
    assert len(server.requests) == seen and summary.fetched_now == 0
    assert list(rows(tmp_path / "out", "clips")) == ["v.0", "v.2"]
    assert sorted(path.name for path in (tmp_path / "out" / "clips_media").iterdir()) == ["v.0.mp4", "v.2.mp4"]


def test_a_video_that_ends_the_program_twice_is_left_alone_until_it_is_asked_for(
    server: Server, film: bytes, tmp_path: Path
) -> None:
    source = clip_table(tmp_path / "c.jsonl", {"v": server.add("film.mp4", film)})
    for _ in range(2):
        die_while_cutting(source, tmp_path / "out", server)
    run(source, tmp_path / "out", server, making=CLIPS)
    failed = rows(tmp_path / "out", "clips", "failed")
    assert {name: row["error"]["type"] for name, row in failed.items()} == dict.fromkeys(
        ["v.0", "v.1", "v.2"], "crashed"
    )
    run(source, tmp_path / "out", server, making=CLIPS, retry=["crashed"])
    assert list(rows(tmp_path / "out", "clips")) == ["v.0", "v.2"]


def test_clips_that_are_asked_for_later_are_cut_from_what_is_there(
    server: Server, film: bytes, tmp_path: Path
) -> None:
    source = clip_table(tmp_path / "c.jsonl", {"v": server.add("film.mp4", film)})
    run(source, tmp_path / "out", server)
    seen = len(server.requests)
    assert rows(tmp_path / "out", "status")["v"]["clips_made"] == 0
    run(source, tmp_path / "out", server, making=CLIPS)
    assert len(server.requests) == seen
    assert rows(tmp_path / "out", "status")["v"]["clips_made"] == 2  # and not what datasets has in its cache
    assert list(rows(tmp_path / "out", "clips")) == ["v.0", "v.2"]
    (tmp_path / "out" / "clips_media" / "v.2.mp4").unlink()
    run(source, tmp_path / "out", server, making=CLIPS)
    assert (tmp_path / "out" / "clips_media" / "v.2.mp4").is_file()
    assert len(server.requests) == seen


def test_clips_of_many_videos_are_cut_beside_the_fetching(server: Server, film: bytes, tmp_path: Path) -> None:
    url = server.add("film.mp4", film)
    source = clip_table(tmp_path / "c.jsonl", {f"v{i:02d}": url for i in range(24)})
    found = run(source, tmp_path / "out", server, making=CLIPS).availability
    assert (found.clips_made, found.clips_failed) == (48, 24)
    lines = (tmp_path / "out" / "journal.jsonl").read_text().splitlines()
    last = {entry["video_id"]: entry for entry in map(json.loads, lines[1:])}
    assert all([bool(clip["clip_path"]) for clip in one["clips"]] == [True, False, True] for one in last.values())


def test_discarded_videos_are_gone_and_their_clips_stay(server: Server, film: bytes, tmp_path: Path) -> None:
    source = clip_table(tmp_path / "c.jsonl", {"v": server.add("film.mp4", film)})
    making = Making(clips=True, discard_videos=True)
    run(source, tmp_path / "out", server, making=making)
    assert not list((tmp_path / "out" / "media").glob("*.mp4"))
    assert rows(tmp_path / "out", "status")["v"]["path"] is None
    assert list(rows(tmp_path / "out", "clips")) == ["v.0", "v.2"]
    assert run(source, tmp_path / "out", server, making=making).fetched_now == 0
    (tmp_path / "out" / "clips_media" / "v.0.mp4").unlink()
    assert run(source, tmp_path / "out", server, making=making).fetched_now == 1


def test_a_channel_that_opts_out_later_is_deleted_without_being_asked_for(
    server: Server, film: bytes, tmp_path: Path
) -> None:
    source = clip_table(tmp_path / "c.jsonl", {"v": server.add("film.mp4", film)})
    run(source, tmp_path / "out", server, making=CLIPS)
    journal = tmp_path / "out" / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"channel_id": null', '"channel_id": "UCsomebody"'))
    seen = len(server.requests)
    run(source, tmp_path / "out", server, making=CLIPS, opt_out=OptOut.of(["channel:UCsomebody"]))
    assert len(server.requests) == seen
    assert not list((tmp_path / "out").rglob("*.mp4"))
    status = rows(tmp_path / "out", "status")["v"]
    assert (status["reason"], status["path"], status["clips_made"]) == ("opted-out", None, 0)


def test_clips_that_cannot_be_written_are_errors_and_the_run_goes_on(
    server: Server, film: bytes, tmp_path: Path
) -> None:
    url = server.add("film.mp4", film)
    source = clip_table(tmp_path / "c.jsonl", {"a": url, "b": url})
    run(source, tmp_path / "out", server)
    (tmp_path / "out" / "clips_media").write_text("a file where a folder should be")
    summary = run(source, tmp_path / "out", server, making=CLIPS)
    assert (summary.availability.clips_made, summary.availability.clips_failed) == (0, 6)
    failed = rows(tmp_path / "out", "clips", "failed")
    assert failed["b.2"]["error"]["message"] == "the clips cannot be written: Not a directory"
    assert failed["b.2"]["caption"] == "of b.2"
    (tmp_path / "out" / "clips_media").unlink()
    assert run(source, tmp_path / "out", server, making=CLIPS).availability.clips_made == 4


def test_a_run_that_is_interrupted_leaves_tables_and_says_how_to_go_on(
    server: Server, film: bytes, tmp_path: Path
) -> None:
    server.add("film.mp4", film)
    urls = {f"v{i}": server.url("ok" if i < 2 else "stalled", "film.mp4") for i in range(5)}
    (tmp_path / "ids.csv").write_text("video_id,url\n" + "".join(f"{name},{url}\n" for name, url in urls.items()))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "panda_hf", "download", str(tmp_path / "ids.csv"), "--out", str(out)]
    command += ["--workers", "1", "--allow-host", server.host, "--subtitles", ""]
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background hands down a deaf ear
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, heard)
    deadline, journal = time.monotonic() + 60, out / "journal.jsonl"
    while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Run the same command again to resume" in said
    account = json.loads((out / "availability.json").read_text())
    assert account["source"] == "ids.csv"  # and not where it lies on this machine
    assert account["by_reason"]["ok"]["videos"] == 2 and account["by_reason"]["not tried"]["videos"] == 3
    assert [row["reason"] for row in rows(out, "status").values()] == ["ok", "ok", *["not tried"] * 3]


def test_an_interrupt_right_after_a_line_of_the_journal_loses_no_video(
    server: Server, film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Journal):
        def write_raw(self, value: Any) -> int:
            place = super().write_raw(value)
            if value.get("reason"):
                raise KeyboardInterrupt
            return place

    monkeypatch.setattr("panda_hf.download.run.Journal", Interrupted)
    source = tmp_path / "ids.txt"
    source.write_text(server.add("film.mp4", film))
    with pytest.raises(KeyboardInterrupt):
        run(str(source), tmp_path / "out", server)
    assert [row["reason"] for row in rows(tmp_path / "out", "status").values()] == ["ok"]


def test_a_journal_may_be_read_anew_while_another_thread_writes_to_it(tmp_path: Path) -> None:
    """A second Ctrl-C does not wait for the clips that are being cut."""
    journal, names = Journal(tmp_path / "journal.jsonl", {"source": "x"}), [f"v{i}" for i in range(3_000)]
    writer = threading.Thread(target=lambda: [journal.add({"video_id": name, "clips": []}) for name in names])
    writer.start()
    while writer.is_alive():
        journal.reread()
    journal.close()
    assert [json.loads(line).get("video_id") for line in (tmp_path / "journal.jsonl").open()][1:] == names
    assert all(journal.get(name) is not None for name in names)


def test_a_source_that_could_not_be_read_does_not_bind_the_folder(server: Server, film: bytes, tmp_path: Path) -> None:
    good = tmp_path / "good.txt"
    good.write_text(server.add("film.mp4", film))
    bad = tmp_path / "bad.csv"
    bad.write_text("name\nx\n")
    with pytest.raises(Exception, match="neither video_id nor url"):
        run(str(bad), tmp_path / "out", server)
    assert run(str(good), tmp_path / "out", server).ok_now == 1
    bad.write_text("video_id\nabcdefghijk\n")
    with pytest.raises(OutputError, match="another download"):
        run(str(bad), tmp_path / "out", server)
