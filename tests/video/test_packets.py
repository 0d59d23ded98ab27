"""What packets tell must be what decoding shows; where it would not be, nothing is told."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from panda_hf.video.packets import PACKET_BYTES, index_packets
from tests.video.films import ALL_INTRA, B_FRAMES, LONG_GOP, OPEN_GOP, sequential


@pytest.mark.parametrize("options", [B_FRAMES, OPEN_GOP, LONG_GOP, ALL_INTRA])
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_times_are_those_of_decoded_frames(film, name: str, options: dict[str, str]):
    path = film(name, count=70, options=options)
    index = index_packets(path)
    assert index is not None
    assert index.times.tolist() == pytest.approx(sequential(path, set())[0], abs=1e-6)
    assert index.end == pytest.approx(70 / 25, abs=0.002)


def test_times_of_varying_rate(film):
    steps = np.random.default_rng(0).choice([33, 40, 120], 50)
    times = [Fraction(int(t), 1000) for t in np.cumsum(steps)]
    path = film("varying.mp4", times=times, options=B_FRAMES)
    index = index_packets(path)
    assert index is not None and index.times.tolist() == pytest.approx(sequential(path, set())[0], abs=1e-6)


def test_groups_begin_on_key_frames_and_hold_every_frame(film):
    index = index_packets(film("film.mp4", count=70, options=B_FRAMES))
    assert index is not None
    assert index.groups == [(0, 30), (30, 60), (60, 70)]
    assert (index.sizes[index.keys] > np.median(index.sizes)).all()


def test_packets_are_held_if_they_take_no_more_than_they_may(film):
    path = film("film.mp4", count=70, options=B_FRAMES)
    sizes = index_packets(path).sizes
    all_of_them = (
        int(sizes.sum()) + 70 * PACKET_BYTES
    )  # what packets take beside what they hold counts: many are small
    held = index_packets(path, hold=all_of_them).packets
    assert held is not None and held[0].is_keyframe
    assert sorted(packet.size for packet in held) == sorted(sizes.tolist())
    for hold in (0, int(sizes.sum()), all_of_them - 1):
        assert index_packets(path, hold=hold).packets is None


def test_a_file_that_is_cut_short_is_not_indexed(film, tmp_path: Path):
    path = film("film.mkv", count=100, options=B_FRAMES)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert index_packets(cut) is None


def test_containers_and_codecs_whose_packets_are_not_frames_are_not_indexed(film):
    assert index_packets(film("film.avi", count=20, options=B_FRAMES)) is None
    assert index_packets(film("film.webm", count=20, codec="libvpx", options={"deadline": "realtime"})) is None


def flv_tags(path: Path) -> list[tuple[int, int, bytes]]:
    """The parts of an FLV file: kind, when in milliseconds, and what it holds."""
    data, place, found = path.read_bytes(), 13, []
    while place + 11 <= len(data):
        size = int.from_bytes(data[place + 1 : place + 4], "big")
        time = int.from_bytes(data[place + 4 : place + 7], "big")
        found.append((data[place], time, data[place + 11 : place + 11 + size]))
        place += size + 15
    return found


def flv_in_a_row(out: Path, films: list[Path], seconds: int) -> Path:
    """FLV films of so many seconds one after the other; what stands at the beginning of each of them too."""
    parts = [films[0].read_bytes()[:13]]
    for number, film in enumerate(films):
        for kind, time, body in flv_tags(film):
            if kind == 9 and body[1] != 2:  # pictures and their parameter sets, not the end of them
                time += 1000 * seconds * number
                head = bytes([kind]) + len(body).to_bytes(3, "big") + time.to_bytes(3, "big") + bytes(4)
                parts += [head, body, (len(body) + 11).to_bytes(4, "big")]
    out.write_bytes(b"".join(parts))
    return out


def test_a_file_in_which_another_stream_begins_is_not_indexed(film, tmp_path: Path):
    one, two = (
        film("one.flv", count=50, options=B_FRAMES),
        film("two.flv", count=50, options=LONG_GOP, size=(120, 168)),
    )
    for films, frames in (([one], 50), ([one, two], None)):
        index = index_packets(str(flv_in_a_row(tmp_path / "row.flv", films, 2)))
        assert (None if index is None else len(index.times)) == frames


def test_a_file_over_a_network_is_not_read_twice():
    assert index_packets("memory://film.mp4") is None
