"""A browser is handed out its own files: not another's, not the machine's."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from panda_hf.showing.doors import COOKIE, OPEN, Doors, door_of

ANNA, BEN = "a" * 32, "b" * 32


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for door in (door_of(ANNA), door_of(BEN), OPEN):
        (tmp_path / "root" / door).mkdir(parents=True)
        (tmp_path / "root" / door / "film.mp4").write_bytes(b"0")
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "example.mp4").write_bytes(b"0")
    return tmp_path / "root"


async def inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here it is"})


def ask(root: Path, path: str, cookie: str | None = None, **headers: str) -> httpx.Response:
    doors = Doors(inner, root, [root.parent / "shelf"])
    cookies = {"Cookie": f"other=1; {COOKIE}={cookie}"} if cookie else {}

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(doors), base_url="http://page") as client:
            return await client.get(path, headers={**cookies, **headers})

    return asyncio.run(asked())


def test_a_door_tells_neither_the_cookie_nor_opens_to_an_odd_one() -> None:
    assert door_of(ANNA) == hashlib.sha256(ANNA.encode()).hexdigest()[:32]
    assert {door_of(odd) for odd in (None, "", "open", "../..", "A" * 32, "a" * 33, f"{ANNA}\n")} == {OPEN}


@pytest.mark.parametrize("kind", ["file=", "file/"])
def test_a_file_is_handed_out_behind_its_own_door_alone(root: Path, kind: str) -> None:
    for whose in (ANNA, BEN, None):
        for asks in (ANNA, BEN, None):
            answer = ask(root, f"/gradio_api/{kind}{root / door_of(whose) / 'film.mp4'}", asks)
            assert answer.status_code == (200 if whose == asks else 403), (whose, asks)


def test_shared_folders_are_for_all_and_the_rest_of_the_machine_for_nobody(root: Path) -> None:
    own = root / door_of(ANNA)
    (own / "link.mp4").symlink_to(root / door_of(BEN) / "film.mp4")
    assert ask(root, f"/gradio_api/file={root.parent / 'shelf' / 'example.mp4'}").status_code == 200
    for path in (
        "/etc/passwd", own, own / "link.mp4", f"{own}/../{door_of(BEN)}/film.mp4", f"{own}/%2e%2e/{OPEN}/film.mp4",
        "https://example.org/film.mp4", f"{own}\0/film.mp4", "",
    ):  # fmt: skip
        assert ask(root, f"/gradio_api/file={path}".replace("\0", "%00"), ANNA).status_code == 403, path


def test_the_cookie_is_given_with_the_page_once_and_no_script_can_read_it(root: Path) -> None:
    first = ask(root, "/")
    value = first.cookies[COOKIE]
    assert door_of(value) != OPEN and first.headers["cache-control"] == "no-store"
    told = first.headers["set-cookie"]
    assert "HttpOnly" in told and "SameSite=Lax" in told and "Secure" not in told
    assert ask(root, "/config").cookies[COOKIE] != value
    assert "set-cookie" not in ask(root, "/", value).headers and "set-cookie" not in ask(root, "/theme.css").headers
    assert "set-cookie" in ask(root, "/", "what I chose myself").headers


def test_inside_the_page_of_the_hub_the_cookie_is_kept_for_that_page(root: Path) -> None:
    told = ask(root, "/", None, **{"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    assert all(word in told for word in ("SameSite=None", "Secure", "Partitioned", "HttpOnly"))
