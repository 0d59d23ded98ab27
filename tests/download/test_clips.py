"""The clips of a download: each under its own name, and told when the video ends before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import load_dataset

from panda_hf.download import Making
from panda_hf.video import probe
from tests.download.server import Server
from tests.download.test_run import clip_table, run


@pytest.mark.parametrize("making", [Making(clips=True), Making(sections=True)], ids=["whole", "sections"])
def test_a_clip_that_the_video_ends_within_has_its_real_end_and_a_warning(
    server: Server, film: bytes, tmp_path: Path, making: Making
) -> None:
    """The film has 4 s: 0.5 s are left of a clip that begins at 3.5 s."""
    url = server.add("film.mp4", film)
    table = clip_table(tmp_path / "clips.jsonl", {"v": (url, [(3.5, 99.0), (1.0, 2.0), (3.0, 4.05)])})
    summary = run(table, tmp_path / "out", server, making=making)
    clips = load_dataset(str(tmp_path / "out"), "clips", split="train", cache_dir=str(tmp_path / "cache"))
    short, whole, rounded = clips
    assert probe(tmp_path / "out" / short["clip_path"]).duration == pytest.approx(0.5, abs=0.06)
    assert short["end"] == pytest.approx(4.0, abs=0.06) and short["error"] is None
    assert "listed to end at 99 s" in short["warning"]
    assert (whole["end"], whole["warning"]) == (2.0, None)
    assert (rounded["end"], rounded["warning"]) == (4.05, None), "half a frame less is no news"
    assert summary.availability.clips_short == 1
    assert "1 shorter than listed" in (tmp_path / "out" / "README.md").read_text()
    assert run(table, tmp_path / "out", server, making=making).fetched_now == 0
    again = load_dataset(str(tmp_path / "out"), "clips", split="train", cache_dir=str(tmp_path / "cache2"))
    assert again[:] == clips[:]


def test_clips_that_are_counted_anew_in_each_video_do_not_take_each_others_files(
    server: Server, film: bytes, tmp_path: Path
) -> None:
    url, table = server.add("film.mp4", film), tmp_path / "clips.jsonl"
    spans = {"a": (0.0, 1.0), "b": (1.0, 3.0)}
    rows = [
        {"clip_id": "0", "video_id": name, "url": url, "start": start, "end": end}
        for name, (start, end) in spans.items()
    ]
    table.write_text("\n".join(map(json.dumps, rows)))
    run(str(table), tmp_path / "out", server, making=Making(clips=True))
    clips = load_dataset(str(tmp_path / "out"), "clips", split="train", cache_dir=str(tmp_path / "cache"))
    assert [row["clip_path"] for row in clips] == ["clips_media/a.0.mp4", "clips_media/b.0.mp4"]
    lengths = [probe(tmp_path / "out" / row["clip_path"]).duration for row in clips]
    assert lengths == pytest.approx([1.0, 2.0], abs=0.06)
