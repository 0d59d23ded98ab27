"""Fixtures of the publishing tests: a Hub of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.publishing.hub_server import Hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        yield running
