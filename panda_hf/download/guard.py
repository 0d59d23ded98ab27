"""`Guard`: a worker process reaches public addresses only, whatever a page, a redirect or a playlist names.

The rule is kept where connections are made, by an audit hook on Python's sockets: it sees the address that a name was
resolved to, so that neither a redirect nor a name that changes its address gets past it. What does not go through
Python's sockets is not used: other programs are not started (but the JavaScript runtimes that the user allows),
requests are made by urllib alone, and libav opens local files only. Behind a proxy the proxy makes the connections:
then only addresses written as numbers, and this machine's own name, can be recognised.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import urllib.request
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

_SCHEMES = ("http", "https")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile"})

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Endpoint = tuple[str, int | None]


class RefusedAddress(OSError):
    """An address that is not public, or not of the web, and so is not followed."""


class RefusedProgram(PermissionError):
    """Another program that a worker does not start."""


class Guard:
    """What a worker process may reach and start.

    Args:
        allow_hosts: ``host``, ``host:port`` or ``[v6]:port`` that may be reached although they are private.
        proxies: urls of proxies that the user named.
        programs: names of programs that may be started.
    """

    def __init__(
        self, allow_hosts: Iterable[str] = (), proxies: Iterable[str] = (), programs: Iterable[str] = ()
    ) -> None:
        self.programs = frozenset(programs)
        self._hosts = {_host_and_port(host) for host in allow_hosts}
        self._allowed = {endpoint for host in self._hosts for endpoint in _resolved(*host)}
        for proxy in filter(None, proxies):
            self._allowed |= set(_resolved(*_host_and_port(proxy.rpartition("/")[2] if "://" not in proxy else proxy)))

    def arm(self) -> None:
        """Watch this process from now on; there is no way back, so only a worker process does this."""
        sys.addaudithook(self._hook)

    def check_url(self, url: str) -> None:
        """Refuse other protocols than the web's, and addresses that are private as they are written.

        Raises:
            RefusedAddress: naming the protocol or the host.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise RefusedAddress(f"not followed: the address cannot be read ({error})") from error
        if parts.scheme.lower() not in _SCHEMES:
            raise RefusedAddress(f"not followed: an address of the protocol {parts.scheme[:20]!r}")
        address = _written_as_number(host)
        if address is not None and not is_public(address) and not self._is_allowed(str(address), port, parts.scheme):
            raise RefusedAddress(f"not followed: {address} is not a public address")
        if host.rstrip(".").endswith("localhost") and not self._is_named(host, port, parts.scheme):
            raise RefusedAddress(f"not followed: {host[:60]} is this machine")

    def check_connection(self, address: Any, family: int = socket.AF_INET) -> None:
        """Refuse a connection to an address that is not public.

        Args:
            address: what ``socket.connect`` gets: ``(ip, port, …)``.
            family: of the socket.

        Raises:
            RefusedAddress: it is not public and was not allowed, or is not an internet address at all.
        """
        if family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            raise RefusedAddress(f"not followed: a connection of another kind than the web's ({family})")
        try:
            ip = ipaddress.ip_address(address[0])
        except ValueError:
            raise RefusedAddress("not followed: a connection to a name that was not resolved") from None
        if not is_public(ip) and not self._is_allowed(str(_plain(ip)), address[1]):
            raise RefusedAddress(f"not followed: {ip} is not a public address")

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CONNECTIONS:
            if arguments[1] is not None:
                self.check_connection(arguments[1], arguments[0].family)
        elif event in _PROGRAMS:
            self._check_program(event, arguments)

    def _check_program(self, event: str, arguments: tuple[Any, ...]) -> None:
        name = os.path.splitext(os.path.basename(os.fsdecode(arguments[0] or "")))[0]
        if event != "subprocess.Popen" or name not in self.programs:
            raise RefusedProgram(f"a worker does not start other programs ({name[:60]})")

    def _is_allowed(self, ip: str, port: int | None, scheme: str = "http") -> bool:
        port = port or (443 if scheme == "https" else 80)
        return (ip, port) in self._allowed or (ip, None) in self._allowed

    def _is_named(self, host: str, port: int | None, scheme: str) -> bool:
        port = port or (443 if scheme == "https" else 80)
        return (host, port) in self._hosts or (host, None) in self._hosts


def proxies_in_use(proxy: str | None) -> tuple[str, ...]:
    """Urls of the proxies that a request may go through: the one named, else those of the environment."""
    if proxy is not None:
        return (proxy,) if proxy else ()
    return tuple(url for kind, url in urllib.request.getproxies().items() if kind != "no")


def is_public(address: IPAddress) -> bool:
    """Whether an address belongs to the public internet, also the one that is wrapped in it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1]) or None
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _plain(address: IPAddress) -> IPAddress:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _written_as_number(host: str) -> IPAddress | None:
    """The address that ``host`` spells in any of the ways that systems understand (``127.1``, ``0x7f000001``)."""
    try:
        return _plain(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _host_and_port(text: str) -> Endpoint:
    parts = urlsplit(text if "://" in text else f"//{text}")
    return (parts.hostname or "").lower(), parts.port


def _resolved(host: str, port: int | None) -> list[Endpoint]:
    """The addresses of an allowed host; none when its name is unknown: it will be refused by its address."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [(str(_plain(ipaddress.ip_address(entry[4][0]))), port) for entry in found]
