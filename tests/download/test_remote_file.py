"""A file on a server, read piece by piece."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

pytest.importorskip("yt_dlp")

import av

from panda_hf.download.guard import Guard
from panda_hf.download.opener import Opener
from panda_hf.download.options import FetchOptions
from panda_hf.download.remote_file import NoRanges, RemoteFile
from panda_hf.download.verdict import NotWhole, verdict_of
from panda_hf.download.waits import HostWaits, Patience
from tests.download.conftest import make_film
from tests.download.server import Server


@pytest.fixture
def opener(server: Server, tmp_path: Path) -> Opener:
    options = FetchOptions(allow_hosts=(server.host,), retries=2, back_off_seconds=0.05, socket_timeout=1)
    opener = Opener(options, Guard(options.allow_hosts), tmp_path / "cache")
    opener.patience = Patience(options, HostWaits(tmp_path / "waits"))
    return opener


def test_it_reads_like_a_local_file(server: Server, opener: Opener) -> None:
    data = random.Random(3).randbytes(100_000)
    remote = RemoteFile(opener, server.add("data.mp4", data), block_bytes=4096)
    local = io.BytesIO(data)
    assert remote.size == 100_000
    choices = random.Random(5)
    for _ in range(200):
        position, size = choices.randrange(-10, 110_000), choices.choice([0, 1, 5, 4096, 10_000, -1])
        assert remote.seek(max(0, position)) == local.seek(max(0, position))
        assert remote.read(size) == local.read(size)
        assert remote.tell() == local.tell()
    assert remote.seek(-5, io.SEEK_END) == 99_995
    assert remote.read() == data[-5:]
    assert (remote.readable(), remote.seekable(), remote.writable()) == (True, True, False)


def test_only_what_is_read_is_asked_for(server: Server, opener: Opener) -> None:
    remote = RemoteFile(opener, server.add("data.mp4", bytes(1_000_000)), block_bytes=10_000)
    remote.seek(500_000)
    remote.read(100)
    assert remote.bytes_read == 20_000
    assert [seen.range for seen in server.requests] == ["bytes=0-9999", "bytes=500000-509999"]


def test_reading_on_takes_ever_larger_pieces(server: Server, opener: Opener) -> None:
    remote = RemoteFile(opener, server.add("data.mp4", bytes(1_000_000)), block_bytes=10_000)
    while remote.read(10_000):
        pass
    assert remote.bytes_read == 1_000_000
    assert len(server.requests) < 20


def test_a_film_is_decoded_from_its_server(server: Server, opener: Opener) -> None:
    remote = RemoteFile(opener, server.add("film.mp4", make_film(seconds=2)), block_bytes=8192)
    with av.open(remote) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20


@pytest.mark.parametrize("manner", ["plain", "empty"])
def test_a_server_without_pieces_is_named_as_such(server: Server, opener: Opener, manner: str) -> None:
    server.add("film.mp4", bytes(1000))
    with pytest.raises(NoRanges, match="does not give pieces"):
        RemoteFile(opener, server.url(manner, "film.mp4"))


def test_requests_are_guarded_and_tried_again(server: Server, opener: Opener) -> None:
    server.add("film.mp4", bytes(1000))
    assert RemoteFile(opener, server.url("busy/2/503/film.mp4")).size == 1000
    with pytest.raises(Exception, match="not followed") as refused:
        RemoteFile(opener, server.sent_to("http://127.0.0.2/"))
    assert verdict_of(refused.value).reason == "refused-address"


def test_a_file_that_changes_while_it_is_read_is_an_error(server: Server, opener: Opener) -> None:
    remote = RemoteFile(opener, server.add("film.mp4", bytes(50_000)), block_bytes=1000)
    server.add("film.mp4", bytes(60_000))
    remote.seek(40_000)
    with pytest.raises(NotWhole, match="changed on the server"):
        remote.read(10)
