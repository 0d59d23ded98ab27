"""From which others pictures are coded, and at which decoding can begin: H.264 and HEVC, nothing decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from panda_hf.video.h264 import IDR_SLICE, PICTURE_SET, SEI, SEQUENCE_SET, Bits, units_between_start_codes
from panda_hf.video.weights import HEAD_BYTES, WeightReader

REFERRED_TO = 0x60
"""These bits of the first byte of a unit of H.264 say how much others refer to it. A picture to which none does
begins no shot."""

FADES = 0.03
"""A frame that takes so much more or less of another's light is coded as in a fade."""

_MOST_OF_A_SET = 1024

RECOVERY_POINT = 6
"""Kind of the message (annex D of the standard) that lets decoding begin at a picture of H.264 that is no IDR."""

SliceKind = Literal["I", "P", "B"]

_H264_KINDS: dict[int, SliceKind] = {0: "P", 1: "B", 2: "I", 3: "P"}
_HEVC_KINDS: dict[int, SliceKind] = {0: "B", 1: "P", 2: "I"}


def _kind_of(head: int) -> SliceKind | None:
    """The kind of a slice of H.264 by the first byte of its header: the first bit says that it begins with the first
    macroblock of its picture, and the others hold all there are of kinds."""
    if head < 128:
        return None
    bits = Bits(bytes([head & 127, 255, 255]))
    bits.read(1)
    return _H264_KINDS.get(bits.count() % 5)


_H264_KIND_OF = tuple(_kind_of(head) for head in range(256))


@dataclass(frozen=True)
class SliceReader:
    """Reads packets of one stream. An encoder that looks for cuts codes a frame after a cut so, key frame or not."""

    codec: Literal["h264", "hevc"]
    length_bytes: int
    """Size of the number before each unit of a packet; 0: units stand between start codes."""
    weights: WeightReader | None = None
    """Tells how much of others' light its frames take; ``None``: that is not known."""

    @classmethod
    def of(cls, codec: str, box: bytes | None) -> SliceReader | None:
        """The reader for a stream, by its codec and what its container stores beside the packets; ``None``: none."""
        if codec not in ("h264", "hevc"):
            return None
        place = 4 if codec == "h264" else 21
        stored = bool(box and len(box) > place and box[0] == 1)
        length_bytes = (box[place] & 3) + 1 if stored and box else 0
        return cls("h264" if codec == "h264" else "hevc", length_bytes, WeightReader.of(codec, box))

    def head(self, packet: memoryview) -> bytes:
        """The beginning of the first slice of a packet, with the byte that says its kind; empty if none."""
        place = 0
        while (place := self._unit_at(packet, place)) < len(packet):
            if self._is_slice(packet[place]):
                return bytes(packet[place : place + HEAD_BYTES])
            place = self._end_of(packet, place)
        return b""

    def kind(self, head: bytes) -> SliceKind | None:
        """How a slice is coded, by its :meth:`head`: I, alone, P, from one picture each, or B, from two; ``None``
        where that cannot be told, and for I where (H.264) no other picture refers to it."""
        try:
            return (_h264_kind if self.codec == "h264" else _hevc_kind)(head)
        except ValueError:
            return None

    def is_fading(self, head: bytes) -> bool:
        """Whether a slice is coded from another frame made brighter or darker, as in a fade, by its :meth:`head`."""
        if self.weights is None:
            return False
        try:
            return abs(self.weights.weight(head) - 1) >= FADES
        except ValueError:
            return False

    def reads_weights_of(self, packet: memoryview) -> bool:
        """Whether :attr:`weights` can be read of a packet and those after it, by the parameter sets that it brings."""
        if self.weights is None:
            return False
        for unit in self._units(packet):
            kind = unit[0] & 31
            if self._is_slice(unit[0]):
                return True
            if kind in (SEQUENCE_SET, PICTURE_SET) and _alone(unit) not in self.weights.sets:
                return False
        return True

    def is_entry(self, packet: memoryview) -> bool:
        """Whether decoding can begin at a packet that its container calls a key packet.

        Some encoders call every picture of H.264 so that is coded alone, though those after it refer to ones before.
        """
        if self.codec != "h264":
            return True
        for unit in self._units(packet):
            kind = unit[0] & 31
            if kind == IDR_SLICE or (kind == SEI and _tells_recovery(bytes(unit))):
                return True
            if self._is_slice(unit[0]):
                return False
        return False

    def _is_slice(self, first: int) -> bool:
        """Whether a unit is one, by its first byte."""
        return 1 <= first & 31 <= IDR_SLICE if self.codec == "h264" else first >> 1 & 63 < 32

    def _units(self, packet: memoryview) -> Iterator[memoryview]:
        """The units of a packet; where start codes part them, each with all that follows it."""
        place = 0
        while (place := self._unit_at(packet, place)) < len(packet):
            end = self._end_of(packet, place)
            yield packet[place:] if not self.length_bytes else packet[place : max(place + 1, end)]
            place = end

    def _end_of(self, packet: memoryview, place: int) -> int:
        """Where the unit that begins at ``place`` ends; between start codes, from where the next one is searched."""
        if not self.length_bytes:
            return place
        return place + int.from_bytes(packet[place - self.length_bytes : place], "big")

    def _unit_at(self, packet: memoryview, place: int) -> int:
        """Where the unit after ``place`` begins."""
        if self.length_bytes:
            return place + self.length_bytes
        found = bytes(packet[place : place + 2**12]).find(b"\0\0\1")
        return place + found + 3 if found >= 0 else len(packet)


def _alone(unit: memoryview) -> bytes:
    """A unit without what follows it after a start code."""
    return next(iter(units_between_start_codes(bytes(unit[:_MOST_OF_A_SET]))), b"")


def _tells_recovery(unit: bytes) -> bool:
    """Whether the messages of a unit (7.3.2.3 of the standard) say that pictures are whole from here on."""
    place = 1
    while place + 2 < len(unit):
        kind, place = _long_number(unit, place)
        size, place = _long_number(unit, place)
        if kind == RECOVERY_POINT:
            return True
        place += size
    return False


def _long_number(unit: bytes, place: int) -> tuple[int, int]:
    """A number of as many bytes as it takes, 255 in all but the last; and where it ends."""
    number = 0
    while place < len(unit) and unit[place] == 255:
        number, place = number + 255, place + 1
    return number + (unit[place] if place < len(unit) else 0), place + 1


def _h264_kind(unit: bytes) -> SliceKind | None:
    """By ``slice_type`` (7.3.3 of the standard)."""
    kind = _H264_KIND_OF[unit[1]] if len(unit) > 1 else None
    return None if kind == "I" and not unit[0] & REFERRED_TO else kind


def _hevc_kind(unit: bytes) -> SliceKind | None:
    """By ``slice_type`` (7.3.6.1 of the standard), no extra bits being reserved in the header, as encoders do."""
    if unit and 16 <= unit[0] >> 1 & 63 <= 23:
        return "I"
    if not unit[2:] or unit[2] < 128:  # not the first slice of its picture
        return None
    bits = Bits(unit[2:])
    bits.read(1)
    bits.count()  # its parameter set
    return _HEVC_KINDS.get(bits.count())
