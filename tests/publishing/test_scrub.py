"""Paths of this machine are taken out of text, and nothing else is."""

from __future__ import annotations

import os

import pytest

from panda_hf.publishing.hub.scrub import Scrub


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/mine/films/a.mp4: no frame", "a.mp4: no frame"),
        ("cannot read /srv/data-2/x/y.mp4", "cannot read y.mp4"),
        (r"cannot read C:\Users\me\film.mp4 twice", "cannot read film.mp4 twice"),
        ("(/mnt/disk/a.mp4)", "(a.mp4)"),
        ("'/srv/my films/a b.mp4' ends early", "'a b.mp4' ends early"),
        ("'C:\\My Films\\a.mp4' ends early", "'a.mp4' ends early"),
    ],
)
def test_of_a_path_the_name_stays(text: str, left: str) -> None:
    assert Scrub()(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "https://www.youtube.com/watch?v=abcdefghijk",
        "see https://example.org/a/b/c.html",
        "clips/train/clips-00000.parquet",
        "1/2 of the frames, and/or none",
        "</td>",
    ],
)
def test_addresses_and_relative_paths_stay(text: str) -> None:
    assert Scrub()(text) == text


def test_known_folders_go_also_where_nothing_tells_that_they_are_paths() -> None:
    folder = os.path.join(os.sep, "srv", "a folder (old)")
    assert Scrub.of(folder)(f"x{folder}{os.sep}b.mp4") == "xb.mp4"
    assert Scrub.of(folder)(f"of {folder}.") == "of a folder (old)."
