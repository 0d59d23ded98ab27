"""Which pictures are coded without others, by the header of their first slice: H.264 and HEVC, nothing decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from panda_hf.video.h264 import Bits

HEADER_BYTES = 16
"""So much of a slice holds the fields that are read."""


@dataclass(frozen=True)
class SliceReader:
    """Reads packets of one stream. An encoder that looks for cuts codes a frame after a cut so, key frame or not."""

    codec: Literal["h264", "hevc"]
    length_bytes: int
    """Size of the number before each unit of a packet; 0: units stand between start codes."""

    @classmethod
    def of(cls, codec: str, box: bytes | None) -> SliceReader | None:
        """The reader for a stream, by its codec and what its container stores beside the packets; ``None``: none."""
        if codec not in ("h264", "hevc"):
            return None
        place = 4 if codec == "h264" else 21
        stored = bool(box and len(box) > place and box[0] == 1)
        return cls("h264" if codec == "h264" else "hevc", (box[place] & 3) + 1 if stored and box else 0)

    def is_intra(self, packet: memoryview) -> bool:
        """Whether the first slice of a packet refers to no other picture; false where that cannot be told."""
        try:
            return self._first_slice_is_intra(packet)
        except ValueError:
            return False

    def _first_slice_is_intra(self, packet: memoryview) -> bool:
        place = 0
        while (place := self._unit_at(packet, place)) < len(packet):
            head = bytes(packet[place : place + HEADER_BYTES])
            if self.codec == "h264" and 1 <= head[0] & 31 <= 5:
                return _h264_kind(head) % 5 == 2
            if self.codec == "hevc" and head[0] >> 1 & 63 < 32:
                return _hevc_is_intra(head)
            if self.length_bytes:
                place += int.from_bytes(packet[place - self.length_bytes : place], "big")
        return False

    def _unit_at(self, packet: memoryview, place: int) -> int:
        """Where the unit after ``place`` begins."""
        if self.length_bytes:
            return place + self.length_bytes
        found = bytes(packet[place : place + 2**12]).find(b"\0\0\1")
        return place + found + 3 if found >= 0 else len(packet)


def _h264_kind(unit: bytes) -> int:
    """``slice_type`` (7.3.3 of the standard)."""
    bits = Bits(unit)
    bits.read(8)
    bits.count()  # its first macroblock
    return bits.count()


def _hevc_is_intra(unit: bytes) -> bool:
    """By ``slice_type`` (7.3.6.1 of the standard), no extra bits being reserved in the header, as encoders do."""
    kind = unit[0] >> 1 & 63
    if 16 <= kind <= 23:
        return True
    bits = Bits(unit)
    bits.read(16)
    if not bits.read(1):  # not the first slice of its picture
        return False
    bits.count()  # its parameter set
    return bits.count() == 2
