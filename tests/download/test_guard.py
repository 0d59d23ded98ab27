"""The guard: public addresses only, whatever leads to another."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import sys
import textwrap

import pytest

from panda_hf.download.guard import Guard, RefusedAddress, RefusedProgram, is_public, proxies_in_use


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::1", "64:ff9b:1::1",
    ],
)  # fmt: skip
def test_addresses_of_other_networks_are_not(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "FILE:///etc/passwd", "ftp://8.8.8.8/a", "data:text/plain,a", "/etc/passwd",
        "gopher://8.8.8.8",
        "http://127.0.0.1/", "http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://0177.0.0.1/",
        "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/", "http://a.localhost./", "https://LOCALHOST:8/",
        "http://user:password@10.0.0.1/", "http://[bad/", "http://8.8.8.8:port/",
    ],
)  # fmt: skip
def test_addresses_that_are_private_as_written_are_refused(url: str) -> None:
    with pytest.raises(RefusedAddress, match="not followed"):
        Guard().check_url(url)


def test_names_and_public_numbers_pass_as_written() -> None:
    for url in ("https://www.youtube.com/watch?v=a", "http://8.8.8.8:8080/a", "http://localhost.example.com/"):
        Guard().check_url(url)


def test_an_allowed_host_is_allowed_at_its_port_only() -> None:
    guard = Guard(allow_hosts=("127.0.0.1:8000", "[::1]:9000"))
    guard.check_connection(("127.0.0.1", 8000))
    guard.check_connection(("::ffff:127.0.0.1", 8000, 0, 0), socket.AF_INET6)
    guard.check_connection(("::1", 9000, 0, 0), socket.AF_INET6)
    guard.check_url("http://127.0.0.1:8000/film.mp4")
    for address in (("127.0.0.1", 8001), ("127.0.0.2", 8000), ("10.0.0.1", 8000)):
        with pytest.raises(RefusedAddress):
            guard.check_connection(address)
    with pytest.raises(RefusedAddress):
        guard.check_url("http://127.0.0.1:8001/film.mp4")


def test_an_allowed_host_without_a_port_is_allowed_at_all_of_them() -> None:
    guard = Guard(allow_hosts=("localhost",))
    guard.check_connection(("127.0.0.1", 1))
    guard.check_url("http://localhost:77/")
    guard.check_url("https://127.0.0.1/")


@pytest.mark.parametrize(
    "proxy", ["http://127.0.0.1:3128", "socks5://127.0.0.1:3128", "http://me:secret@127.0.0.1:3128/"]
)
def test_a_named_proxy_may_be_private(proxy: str) -> None:
    guard = Guard(proxies=proxies_in_use(proxy))
    guard.check_connection(("127.0.0.1", 3128))
    with pytest.raises(RefusedAddress):
        guard.check_connection(("127.0.0.1", 3129))


def test_proxies_of_the_environment_count_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("https_proxy", "http://10.0.0.9:8080")
    assert proxies_in_use(None) == ("http://10.0.0.9:8080",)
    assert proxies_in_use("") == ()
    assert proxies_in_use("socks5://h:1") == ("socks5://h:1",)


def test_names_that_nobody_resolved_and_other_sockets_are_refused() -> None:
    guard = Guard()
    for address, family in ((("example.com", 80), socket.AF_INET), ("/run/docker.sock", socket.AF_UNIX)):
        with pytest.raises(RefusedAddress):
            guard.check_connection(address, family)


def armed(code: str) -> str:
    """What a process prints that arms a guard, which allows nothing but node, and runs the code."""
    start = """
        import asyncio, os, socket, subprocess, sys, urllib.request
        from panda_hf.download.guard import Guard, RefusedAddress, RefusedProgram
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        Guard(programs=("node",)).arm()
        def refused(action):
            try:
                action()
            except Exception as error:
                causes = [error, error.__cause__, error.__context__, getattr(error, "reason", None)]
                print(any(isinstance(cause, (RefusedAddress, RefusedProgram)) for cause in causes))
            else:
                print("let through")
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(start) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_way_python_makes_connections_is_watched() -> None:
    said = armed("""
        refused(lambda: socket.create_connection(("127.0.0.1", port)))
        refused(lambda: socket.create_connection(("localhost", port)))
        refused(lambda: socket.socket().connect_ex(("127.0.0.1", port)))
        refused(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"a", ("127.0.0.1", port)))
        refused(lambda: socket.socket(type=socket.SOCK_DGRAM).sendmsg([b"a"], [], 0, ("127.0.0.1", port)))
        refused(lambda: asyncio.run(asyncio.open_connection("127.0.0.1", port)))
        refused(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/"))
    """)
    assert said.split() == ["True"] * 7


def test_other_programs_are_not_started() -> None:
    said = armed("""
        refused(lambda: subprocess.run(["curl", f"http://127.0.0.1:{port}/"]))
        refused(lambda: subprocess.run(f"curl http://127.0.0.1:{port}/", shell=True))
        refused(lambda: os.system("true"))
        refused(lambda: os.posix_spawn("/bin/true", ["true"], {}))
        refused(lambda: os.execv("/bin/true", ["true"]))
        subprocess.run(["node", "--version"]) if __import__("shutil").which("node") else None
    """)
    assert said.split()[:5] == ["True"] * 5


def test_a_program_is_known_by_its_file_name() -> None:
    guard = Guard(programs=("deno",))
    guard._check_program("subprocess.Popen", ("/usr/local/bin/deno", [], None, None))
    for program in ("/usr/bin/ffmpeg", "/tmp/deno/sh", None):
        with pytest.raises(RefusedProgram):
            guard._check_program("subprocess.Popen", (program, [], None, None))
