"""The whole of a download against the server that misbehaves: what became of each video, their clips, the account."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import load_dataset
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.download import FetchOptions
from panda_hf.download.plan import Plan
from panda_hf.download.run import DownloadSummary, Making, download
from panda_hf.errors import OutputError, SourceError
from panda_hf.rights import OptOut
from panda_hf.video import probe
from tests.download.server import Server

QUICK = FetchOptions(retries=1, back_off_seconds=0.05, max_back_off_seconds=1.0, socket_timeout=2.0, subtitles=())


def options(server: Server) -> FetchOptions:
    return replace(QUICK, allow_hosts=(server.host,))


def listed(path: Path, urls: dict[str, str]) -> str:
    path.write_text("video_id,url\n" + "".join(f"{name},{url}\n" for name, url in urls.items()))
    return str(path)


def clip_table(path: Path, videos: dict[str, tuple[str, list[tuple[float, float]]]]) -> str:
    rows = [
        {"clip_id": f"{name}.{i}", "video_id": name, "url": url, "start": start, "end": end,
         "caption": f"caption of {name}.{i}", "matching_score": 0.5}
        for name, (url, spans) in videos.items() for i, (start, end) in enumerate(spans)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def run(source: str, out: Path, server: Server, **changes) -> DownloadSummary:
    plan = changes.pop("plan", Plan(source))
    limit = changes.pop("time_limit", 30)
    return download(plan, out, options=changes.pop("options", options(server)), workers=2, time_limit=limit, **changes)


def statuses(out: Path) -> dict[str, dict]:
    rows = load_dataset(str(out), "status", split="train", cache_dir=str(out.parent / "cache"))
    return {row["video_id"]: row for row in rows}


def test_every_misbehaviour_has_its_reason_and_the_account_adds_up(
    server: Server, film: bytes, tmp_path: Path
) -> None:
    server.add("film.mp4", film)
    server.add("page.html", "<html><title>hi</title></html>")
    server.add("text.mp4", "no video at all\n" * 50)
    urls = {
        "ok": server.url("ok", "film.mp4"),
        "-dash-id": server.url("ok", "film.mp4"),
        "slow": server.url("slow", "film.mp4"),
        "cut": server.url("cut", "film.mp4"),
        "gone": server.url("status", 404, "film.mp4"),
        "gone for good": server.url("status", 410, "film.mp4"),
        "refused": server.url("status", 403, "film.mp4"),
        "limited": server.url("limited", 99, 0, "film.mp4"),
        "waited": server.url("limited", 1, 0, "film.mp4"),
        "broken": server.url("status", 503, "film.mp4"),
        "silent": server.url("stalled", "film.mp4"),
        "half": server.url("cut-always", "film.mp4"),
        "file": server.sent_to("file:///etc/passwd"),
        "private": server.sent_to("http://127.0.0.2/film.mp4"),
        "metadata": server.sent_to("http://169.254.169.254/latest"),
        "text": server.url("ok", "text.mp4"),
        "page": server.url("ok", "page.html"),
    }
    summary = run(listed(tmp_path / "ids.csv", urls), tmp_path / "out", server, time_limit=8)
    found = {name: row["reason"] for name, row in statuses(tmp_path / "out").items()}
    assert found == {
        "ok": "ok", "-dash-id": "ok", "slow": "timeout", "cut": "ok", "waited": "ok", "gone": "not-found",
        "gone for good": "not-found", "refused": "forbidden", "limited": "rate-limited", "broken": "network",
        "silent": "timeout", "half": "truncated", "file": "refused-address", "private": "refused-address",
        "metadata": "refused-address", "text": "unsupported", "page": "unsupported",
    }  # fmt: skip
    assert list(found) == list(urls)  # the order of the list
    account = json.loads((tmp_path / "out" / "availability.json").read_text())
    assert account["videos_wanted"] == len(urls) == sum(part["videos"] for part in account["by_reason"].values())
    assert account["by_reason"]["ok"]["videos"] == 4 == summary.ok_now
    assert account["share_available"] == pytest.approx(4 / len(urls))
    videos = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert videos["video_id"] == ["ok", "-dash-id", "cut", "waited"]
    for row in videos:
        assert (tmp_path / "out" / row["video"]["path"]).read_bytes()[:64] == film[:64]


def test_clips_keep_their_captions_when_others_are_missing(server: Server, film: bytes, tmp_path: Path) -> None:
    url = server.add("film.mp4", film)
    spans = [(0.0, 1.0), (50.0, 51.0), (2.0, 3.5)]
    table = clip_table(tmp_path / "clips.jsonl", {
        "first": (url, spans), "lost": (server.url("status", 404, "film.mp4"), spans[:2]), "last": (url, spans[2:]),
    })  # fmt: skip
    summary = run(table, tmp_path / "out", server, making=Making(clips=True))
    clips = load_dataset(str(tmp_path / "out"), "clips", cache_dir=str(tmp_path / "cache"))
    made = {row["clip_id"]: row for row in clips["train"]}
    failed = {row["clip_id"]: row for row in clips["failed"]}
    assert list(made) == ["first.0", "first.2", "last.0"]
    assert list(failed) == ["first.1", "lost.0", "lost.1"]
    for name, row in {**made, **failed}.items():
        assert row["caption"] == f"caption of {name}"
    for name, seconds in (("first.0", 1.0), ("first.2", 1.5), ("last.0", 1.5)):
        assert made[name]["clip_path"] == f"clips_media/{name}.mp4"
        assert probe(tmp_path / "out" / made[name]["clip_path"]).duration == pytest.approx(seconds, abs=0.11)
    assert (
        failed["first.1"]["error"]["type"] == "VideoError" and "shows nothing" in failed["first.1"]["error"]["message"]
    )
    assert failed["lost.0"]["error"]["type"] == "not-found"
    assert str(tmp_path) not in json.dumps([row["error"] for row in failed.values()])
    assert (summary.availability.clips_made, summary.availability.clips_failed) == (3, 1)


def test_sections_fetch_less_and_give_the_same_clips(server: Server, tmp_path: Path) -> None:
    from tests.download.conftest import make_film

    data = make_film(seconds=40)
    url = server.add("long.mp4", data)
    table = clip_table(tmp_path / "clips.jsonl", {"v": (url, [(30.0, 31.0)])})
    run(table, tmp_path / "whole", server, making=Making(clips=True))
    asked = len(server.requests)
    summary = run(table, tmp_path / "part", server, making=Making(sections=True))
    row = load_dataset(str(tmp_path / "part"), "clips", split="train", cache_dir=str(tmp_path / "cache"))[0]
    one, other = (tmp_path / out / row["clip_path"] for out in ("part", "whole"))
    assert probe(one).duration == probe(other).duration
    assert summary.availability.clips_made == 1
    assert not list((tmp_path / "part" / "media").glob("*.mp4"))
    gets = [seen for seen in server.requests[asked:] if seen.path.endswith("long.mp4") and seen.method == "GET"]
    assert gets[1:] and all(seen.range for seen in gets[1:])  # the first one is yt-dlp's, which asks what it is


def test_what_is_there_is_not_fetched_again_and_only_what_may_pass_is_tried_again(
    server: Server, film: bytes, tmp_path: Path
) -> None:
    server.add("film.mp4", film)
    urls = {
        "there": server.url("ok", "film.mp4"),
        "deleted": server.url("ok", "film.mp4"),
        "gone": server.url("status", 404, "film.mp4"),
        "passing": server.url("busy", 2, 503, "film.mp4"),
    }
    source = listed(tmp_path / "ids.csv", urls)
    run(source, tmp_path / "out", server)
    first = statuses(tmp_path / "out")
    assert {name: row["reason"] for name, row in first.items()} == {
        "there": "ok", "deleted": "ok", "gone": "not-found", "passing": "network"
    }  # fmt: skip
    (tmp_path / "out" / first["deleted"]["path"]).unlink()
    seen = len(server.requests)
    summary = run(source, tmp_path / "out", server)
    asked = {request.path for request in server.requests[seen:]}
    assert asked == {"/ok/film.mp4", "/busy/2/503/film.mp4"}
    assert summary.fetched_now == 2
    again = statuses(tmp_path / "out")
    assert again["passing"]["reason"] == "ok" and again["passing"]["attempts"] > first["passing"]["attempts"]
    assert again["there"]["updated"] == first["there"]["updated"]
    assert run(source, tmp_path / "out", server, retry=["not-found"]).fetched_now == 1
    assert run(source, tmp_path / "out", server).fetched_now == 0


def test_a_killed_download_goes_on(server: Server, film: bytes, tmp_path: Path) -> None:
    server.add("film.mp4", film)
    urls = {f"v{i}": server.url("ok", "film.mp4") for i in range(8)}
    source = listed(tmp_path / "ids.csv", urls)
    command = [
        sys.executable, "-m", "panda_hf", "download", source, "--out", str(tmp_path / "out"), "--workers", "1",
        "--allow-host", server.host, "--subtitles", "", "--rate-limit", "200K",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    journal = tmp_path / "out" / "journal.jsonl"
    while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = [json.loads(line)["video_id"] for line in journal.read_text().splitlines()[1:]]
    assert 2 <= len(done) < 8
    with open(journal, "ab") as file:
        file.write(b'{"video_id": "v7", "rea')  # a line that was being written
    summary = run(source, tmp_path / "out", server)
    assert summary.fetched_now == 8 - len(done)
    assert {row["reason"] for row in statuses(tmp_path / "out").values()} == {"ok"}
    assert sorted(path.name for path in (tmp_path / "out" / "media").glob("*.mp4")) == sorted(
        f"v{i}.mp4" for i in range(8)
    )


def test_the_opt_out_list_is_honoured_before_and_after(server: Server, film: bytes, tmp_path: Path) -> None:
    url = server.add("film.mp4", film)
    source = clip_table(tmp_path / "c.jsonl", {"keep": (url, [(0.0, 1.0)]), "leave": (url, [(0.0, 1.0)])})
    run(source, tmp_path / "out", server, making=Making(clips=True))
    assert (tmp_path / "out" / "clips_media" / "leave.0.mp4").exists()
    run(source, tmp_path / "out", server, making=Making(clips=True), opt_out=OptOut.of(["leave"]))
    assert statuses(tmp_path / "out")["leave"]["reason"] == "opted-out"
    left = [path.name for path in (tmp_path / "out").rglob("*leave*")]
    assert left == []
    seen = len(server.requests)
    run(source, tmp_path / "other", server, opt_out=OptOut.of(["keep", "leave"]))
    assert len(server.requests) == seen


def test_curate_takes_the_folder_as_it_is(server: Server, tmp_path: Path) -> None:
    from panda_hf.mini.films import make_film, write_film
    from panda_hf.running import video_rows

    path = write_film(make_film(0, "test"), tmp_path / "films")
    source = listed(tmp_path / "ids.csv", {"one": server.add(f"one{path.suffix}", path.read_bytes())})
    run(source, tmp_path / "out", server)
    rows = video_rows(tmp_path / "out")
    assert rows["video_id"] == ["one"]
    assert rows[0]["video"]["path"] == str(tmp_path / "out" / "media" / f"one{path.suffix}")
    assert rows[0]["url"] == server.url("ok", f"one{path.suffix}")


def test_another_download_is_not_mixed_in(server: Server, film: bytes, tmp_path: Path) -> None:
    source = listed(tmp_path / "ids.csv", {"v": server.add("film.mp4", film)})
    run(source, tmp_path / "out", server)
    with pytest.raises(OutputError, match="another download: config=None then, '2m' now"):
        run(source, tmp_path / "out", server, plan=Plan(source, config="2m"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(OutputError, match="holds no download"):
        run(source, tmp_path / "mine", server)


def test_plans_come_from_lists_tables_and_datasets(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("# mine\n-2yHu5qgTzM\nhttps://youtu.be/abcdefghijk\nhttps://example.org/v.mp4\n")
    planned = list(Plan(str(tmp_path / "ids.txt")))
    assert [(one.video_id, one.url) for one in planned] == [
        ("-2yHu5qgTzM", "https://www.youtube.com/watch?v=-2yHu5qgTzM"),
        ("abcdefghijk", "https://youtu.be/abcdefghijk"),
        ("https://example.org/v.mp4", "https://example.org/v.mp4"),
    ]
    rows = [{"video_id": name, "url": "u", "start": i, "end": i + 1} for name, i in (("a", 0), ("b", 0), ("a", 5))]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    plan = Plan(str(tmp_path / "t.jsonl"))
    assert [[clip["clip_id"] for clip in one.clips] for one in plan] == [["a.0", "a.1"], ["b.0"]]
    assert [one.video_id for one in replace(plan, limit=1)] == ["a"]
    assert [one.video_id for one in replace(plan, ids=frozenset({"b"}))] == ["b"]
    (tmp_path / "bad.jsonl").write_text('{"video_id": "a", "url": "u", "start": 3, "end": 2}')
    with pytest.raises(SourceError, match="runs from 3.0 s to 2.0 s"):
        list(Plan(str(tmp_path / "bad.jsonl")))
    with pytest.raises(SourceError, match="line 1: 'short' is neither an address .* nor a YouTube id"):
        (tmp_path / "x.txt").write_text("short")
        list(Plan(str(tmp_path / "x.txt")))


def test_the_command_tells_the_account_and_its_exit_code(server: Server, film: bytes, tmp_path: Path) -> None:
    url = server.add("film.mp4", film)
    source = listed(tmp_path / "ids.csv", {"v": url, "gone": server.url("status", 404, "film.mp4")})
    words = ["download", source, "--out", str(tmp_path / "out"), "--allow-host", server.host, "--subtitles", ""]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "2 videos wanted = 1 ok + 1 not-found" in result.output
    assert "1 of 2 tried videos can be had: 50.0%" in result.output
    words[3] = str(tmp_path / "none")
    result = CliRunner().invoke(app, [*words, "--ids", str(tmp_path / "only.txt")])
    assert result.exit_code == 1  # the list does not exist
    (tmp_path / "only.txt").write_text("gone\n")
    result = CliRunner().invoke(app, [*words, "--ids", str(tmp_path / "only.txt")])
    assert result.exit_code == 3, result.output
    assert CliRunner().invoke(app, [*words, "--retry", "bored"]).exit_code == 2
    assert CliRunner().invoke(app, [*words, "--rate-limit", "fast"]).exit_code == 2
