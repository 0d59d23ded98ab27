"""What a run does with each video: leave out, keep, say that it is not as asked; and when it stops."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.download import Fetched, FetchOptions, Making
from panda_hf.download.journal import Journal
from panda_hf.download.plan import Plan
from panda_hf.download.settling import Settling
from panda_hf.errors import SourceError
from panda_hf.rights import OptOut
from panda_hf.running import video_rows
from tests.download.server import Server
from tests.download.test_run import QUICK, clip_table, listed, options, run, statuses


def test_a_video_of_a_channel_that_opted_out_is_deleted_as_soon_as_its_site_names_the_channel(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    (tmp_path / "ids.txt").write_text("https://example.org/a.mp4\n")
    plan, listed_out = Plan(str(tmp_path / "ids.txt")), OptOut.of(["channel:UCabcdefghijklmnopqrstuv"])
    journal = Journal(tmp_path / "journal.jsonl", {})
    settling = Settling(tmp_path, plan, journal, Making(), FetchOptions(), listed_out, (), lambda *_: None)
    (wanted,) = settling.wanted()
    for name in ("a.mp4", "a.section-0.mp4"):
        (media / name).write_bytes(b"theirs")
    fetched = Fetched(
        video_id=wanted.video_id, url=wanted.url, reason="ok", path=str(media / "a.mp4"),
        section_paths=(str(media / "a.section-0.mp4"), None), info={"channel_id": "UCabcdefghijklmnopqrstuv"},
    )  # fmt: skip
    assert settling.settle(fetched) == "opted-out"
    settling.stop()
    journal.close()
    assert list(media.iterdir()) == []
    entry = journal.get(wanted.video_id) or {}
    assert entry["reason"] == "opted-out" and "UCabc" not in json.dumps(entry)


def test_without_a_network_a_run_stops_and_goes_on_later(server: Server, film: bytes, tmp_path: Path) -> None:
    url = server.add("film.mp4", film)
    dead = {f"dead{i:02d}": f"http://127.0.0.1:9/{i}.mp4" for i in range(12)}  # nobody listens there
    source = listed(tmp_path / "ids.csv", {**dead, "last": url})
    hosts = replace(options(server), allow_hosts=(server.host, "127.0.0.1:9"), retries=0)
    summary = run(source, tmp_path / "out", server, options=hosts, give_up_after=5)
    found = summary.availability.videos
    assert "5 videos in a row" in str(summary.stopped) and "Run the same command again" in str(summary.stopped)
    assert 5 <= found["network"] <= 7 and found["not tried"] == 13 - found["network"]
    summary = run(source, tmp_path / "out", server, options=hosts, give_up_after=None)
    assert summary.stopped is None
    assert dict(summary.availability.videos) == {"ok": 1, "network": 12}


def test_servers_that_fail_are_no_missing_network(server: Server, tmp_path: Path) -> None:
    source = listed(tmp_path / "ids.csv", {f"v{i}": server.url("status", 503, f"{i}.mp4") for i in range(4)})
    summary = run(source, tmp_path / "out", server, options=replace(options(server), retries=0), give_up_after=2)
    assert summary.stopped is None and summary.availability.videos["network"] == 4


def test_the_command_that_stopped_says_what_to_do(tmp_path: Path) -> None:
    source = listed(tmp_path / "ids.csv", {f"v{i}": f"http://127.0.0.1:9/{i}.mp4" for i in range(3)})
    words = ["download", source, "--out", str(tmp_path / "out"), "--allow-host", "127.0.0.1:9", "--retries", "0"]
    result = CliRunner().invoke(app, [*words, "--give-up-after", "2"])
    assert result.exit_code == 1
    assert "Is this machine online? Run the same command again when it is" in " ".join(result.output.split())


def test_videos_that_are_there_in_another_height_are_told(server: Server, film: bytes, tmp_path: Path) -> None:
    source = listed(tmp_path / "ids.csv", {"v": server.add("film.mp4", film)})
    run(source, tmp_path / "out", server)
    words = ["download", source, "--out", str(tmp_path / "out"), "--allow-host", server.host, "--subtitles", ""]
    assert "another --height" not in CliRunner().invoke(app, words).output
    result = CliRunner().invoke(app, [*words, "--height", "720"])
    assert "1 video there already with another --height or sound than asked for now" in result.output
    assert statuses(tmp_path / "out")["v"]["asked_height"] == QUICK.height


@pytest.mark.parametrize("making", [Making(clips=True, discard_videos=True), Making(sections=True)])
def test_curate_refuses_a_download_that_holds_no_video_and_nobody_is_sent_there(
    server: Server, film: bytes, tmp_path: Path, making: Making
) -> None:
    source = clip_table(tmp_path / "c.jsonl", {
        "v": (server.add("film.mp4", film), [(0.0, 1.0)]), "gone": (server.url("status", 404, "x.mp4"), [(0.0, 1.0)]),
    })  # fmt: skip
    summary = run(source, tmp_path / "out", server, making=making)
    assert summary.ok and summary.availability.clips_made == 1 and summary.availability.whole == 0
    with pytest.raises(SourceError, match="holds no whole video"):
        video_rows(tmp_path / "out")
    flags = ["--sections"] if making.sections else ["--clips", "--discard-videos"]
    words = ["download", source, "--out", str(tmp_path / "out"), "--allow-host", server.host, "--subtitles", ""]
    result = CliRunner().invoke(app, [*words, *flags])
    assert result.exit_code == 0 and "panda-hf curate" not in result.output


def test_lines_that_name_no_video_are_in_the_account(server: Server, film: bytes, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text(f"{server.add('film.mp4', film)}\nno id\n")
    words = ["download", str(tmp_path / "ids.txt"), "--out", str(tmp_path / "out"), "--allow-host", server.host]
    result = CliRunner().invoke(app, [*words, "--subtitles", ""])
    assert result.exit_code == 0
    assert (
        "left out: line 2: 'no id' is neither" in result.output
        and "1 line of the list named no video" in result.output
    )
    account = json.loads((tmp_path / "out" / "availability.json").read_text())
    assert account["videos_wanted"] == 1 and account["unusable_lines"][0].startswith("line 2: ")
