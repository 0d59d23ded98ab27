"""H.264 as mp4 stores it: the parameter sets beside the packets, and the units inside them, without decoding."""

from __future__ import annotations

import dataclasses
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

IDR_SLICE, SEI, SEQUENCE_SET, PICTURE_SET, DELIMITER = 5, 6, 7, 8, 9
_SLICES = range(1, 6)
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})  # 7.3.2.1.1 of the standard
_LIKE_A_START_CODE = re.compile(rb"\x00\x00(?=[\x00-\x03])")

MOST_LATE = 16
"""By so many pictures at most one is shown later than it is decoded."""

_START_CODE = re.compile(rb"\x00\x00\x00?\x01")


@dataclass(frozen=True)
class ParameterSets:
    """The box ``avcC`` of an mp4, which Matroska keeps too."""

    head: bytes
    """Version, profile, compatibility, level."""
    length_bytes: int
    """Size of the number before each unit of a packet."""
    sequence: tuple[bytes, ...]
    picture: tuple[bytes, ...]
    tail: bytes
    """What stands behind the sets; of some profiles the format of the chroma."""

    @classmethod
    def parse(cls, box: bytes | None) -> ParameterSets:
        """Read the box.

        Raises:
            ValueError: it is none; transport streams have start codes instead.
        """
        if not box or len(box) < 8 or box[0] != 1:
            raise ValueError("its parameter sets are not stored as in mp4")
        sequence, place = _sets(box, 5, box[5] & 31)
        picture, place = _sets(box, place, box[place] if place < len(box) else 0)
        if not sequence or not picture:
            raise ValueError("its parameter sets are not stored beside its packets")
        return cls(box[:4], (box[4] & 3) + 1, sequence, picture, box[place:])

    def box(self) -> bytes:
        """The sets as they are stored."""
        parts = [self.head, bytes([0xFC | self.length_bytes - 1, 0xE0 | len(self.sequence)])]
        parts += [struct.pack(">H", len(unit)) + unit for unit in self.sequence]
        parts += [bytes([len(self.picture)])]
        parts += [struct.pack(">H", len(unit)) + unit for unit in self.picture]
        return b"".join([*parts, self.tail])

    def with_reordering(self, pictures: int) -> ParameterSets:
        """The sets of a stream whose pictures are shown up to so many later than they are decoded, at most
        ``MOST_LATE``; 0: in the order in which they are stored.

        Raises:
            ValueError: a set is damaged.
        """
        return dataclasses.replace(self, sequence=tuple(_with_reordering(unit, pictures) for unit in self.sequence))

    @property
    def free_id(self) -> int:
        """A number that none of the sets has, for sets that join them.

        Raises:
            ValueError: all are taken.
        """
        taken = {sequence_facts(unit).id for unit in self.sequence} | {picture_id(unit) for unit in self.picture}
        free = next((number for number in range(1, 32) if number not in taken), None)
        if free is None:
            raise ValueError("it uses every number a parameter set can have")
        return free


@dataclass(frozen=True)
class SequenceFacts:
    """What a sequence parameter set says."""

    id: int
    profile: int
    level: int
    is_plain: bool
    """4:2:0 in 8 bits."""
    is_progressive: bool
    """No picture consists of fields."""
    chroma_format: int
    """0: none, or stored as if it were luma; 1: 4:2:0."""
    frame_number_bits: int
    """What a slice takes to tell its number, and its colour plane if each is coded for itself."""
    order_kind: int
    """How slices tell when pictures are shown: 0 by a number of ``order_bits``, 1 by differences, 2 not at all."""
    order_bits: int


@dataclass(frozen=True)
class PictureFacts:
    """What a picture parameter set says of how to read slices."""

    bottom_order: bool
    """Each says when its second field is shown."""
    weighted: bool
    """P-frames may take more or less of another frame's light."""
    redundant: bool
    """Pictures may be stored again, and each slice says whether it is of such a one."""


def sequence_facts(unit: bytes) -> SequenceFacts:
    """Read a sequence parameter set (7.3.2.1.1 of the standard).

    Raises:
        ValueError: it ends too early.
    """
    return _facts(Bits(unit))


def _facts(bits: Bits) -> SequenceFacts:
    bits.read(8)
    profile, _, level, number = bits.read(8), bits.read(8), bits.read(8), bits.count()
    chroma, planes, depths = 1, 0, (0, 0)
    if profile in _WITH_CHROMA:
        chroma = bits.count()
        planes = bits.read(int(chroma == 3))
        depths = bits.count(), bits.count()
        bits.read(1)
        if bits.read(1):
            _skip_scaling(bits, 12 if chroma == 3 else 8)
    frame_number_bits = bits.count() + 4 + 2 * planes
    order = _order(bits)
    bits.count(), bits.read(1), bits.count(), bits.count()
    is_plain, is_progressive = chroma == 1 and depths == (0, 0), bool(bits.read(1))
    chroma = 0 if planes else chroma
    return SequenceFacts(number, profile, level, is_plain, is_progressive, chroma, frame_number_bits, *order)


def _with_reordering(unit: bytes, pictures: int) -> bytes:
    """A sequence parameter set with other remarks on its pictures (annex E of the standard), at its end: nothing but
    by how many one is shown later than it is decoded."""
    bits = Bits(unit)
    if not _facts(bits).is_progressive:
        bits.read(1)
    bits.read(1)
    for _ in range(4 if bits.read(1) else 0):  # what is cut off at the edges
        bits.count()
    data = bits.before() + _remarks(pictures)
    data += "0" * (-len(data) % 8)
    return _LIKE_A_START_CODE.sub(b"\0\0\3", int(data, 2).to_bytes(len(data) // 8, "big"))


def _remarks(late: int) -> str:
    """Remarks on the pictures of a sequence (E.1.1 of the standard), as bits, and the end of its set: of nine kinds
    only the last, limits. Vectors are as long as they may be, 16 pictures are held."""
    limits = ["111", *map(_exp_golomb, (16, 16, late, 16))]
    return "".join(["1", 8 * "0", "1", *limits, "1"])


def _exp_golomb(number: int) -> str:
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


def picture_id(unit: bytes) -> int:
    """The number of a picture parameter set."""
    bits = Bits(unit)
    bits.read(8)
    return bits.count()


def picture_facts(unit: bytes) -> PictureFacts:
    """Read a picture parameter set (7.3.2.2 of the standard).

    Raises:
        ValueError: it ends too early, or its pictures consist of several groups of slices.
    """
    bits = Bits(unit)
    bits.read(8), bits.count(), bits.count(), bits.read(1)
    bottom_order = bool(bits.read(1))
    if bits.count():
        raise ValueError("its pictures consist of several groups of slices")
    bits.count(), bits.count()
    weighted = bool(bits.read(1))
    bits.read(2), bits.signed(), bits.signed(), bits.signed(), bits.read(2)
    return PictureFacts(bottom_order, weighted, bool(bits.read(1)))


def units(packet: bytes, length_bytes: int) -> Iterator[bytes]:
    """The units of a packet as mp4 stores it.

    Raises:
        ValueError: the lengths do not add up.
    """
    place = 0
    while place < len(packet):
        size = int.from_bytes(packet[place : place + length_bytes], "big")
        place += length_bytes
        if not 0 < size <= len(packet) - place:
            raise ValueError("a packet's units have wrong lengths")
        yield packet[place : place + size]
        place += size


def starts_anew(packet: bytes, length_bytes: int) -> bool:
    """Whether nothing from this packet on refers to what came before: an IDR picture.

    Raises:
        ValueError: the packet is damaged.
    """
    kinds = (unit[0] & 31 for unit in units(packet, length_bytes))
    return next((kind for kind in kinds if kind in _SLICES), 0) == IDR_SLICE


def units_between_start_codes(data: bytes) -> list[bytes]:
    """The units of what an encoder gives."""
    return [unit for unit in (each.rstrip(b"\0") for each in _START_CODE.split(data)) if unit]


def joined(found: list[bytes], length_bytes: int) -> bytes:
    """Units as a packet of mp4, less parameter sets and remarks."""
    kept = [unit for unit in found if unit[0] & 31 not in (SEI, SEQUENCE_SET, PICTURE_SET, DELIMITER)]
    return b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in kept)


def _sets(box: bytes, place: int, count: int) -> tuple[tuple[bytes, ...], int]:
    place += 1
    found = []
    for _ in range(count):
        size = int.from_bytes(box[place : place + 2], "big")
        found.append(box[place + 2 : place + 2 + size])
        if len(found[-1]) != size or not size:
            raise ValueError("its parameter sets are cut short")
        place += 2 + size
    return tuple(found), place


class Bits:
    """Reads numbers bit by bit from a unit, without the bytes that keep start codes out of it."""

    def __init__(self, unit: bytes) -> None:
        data = unit.replace(b"\0\0\3", b"\0\0")
        self._all = self._rest = int.from_bytes(data, "big")
        self._length = self._left = 8 * len(data)

    def read(self, width: int) -> int:
        """The next ``width`` bits as a number.

        Raises:
            ValueError: there are fewer.
        """
        left = self._left - width
        if left < 0:
            raise ValueError("a parameter set is cut short")
        number = self._rest >> left
        self._left, self._rest = left, self._rest - (number << left)
        return number

    def before(self) -> str:
        """The bits that were read, each as a character."""
        read = self._length - self._left
        return f"{self._all >> self._left:0{read}b}" if read else ""

    def count(self) -> int:
        """Exp-Golomb, unsigned."""
        return self.read(2 * (self._left - self._rest.bit_length()) + 1) - 1

    def signed(self) -> int:
        """Exp-Golomb, signed."""
        number = self.count()
        return (number + 1) // 2 * (1 if number % 2 else -1)


def _skip_scaling(bits: Bits, lists: int) -> None:
    for number in range(lists):
        last, following = 8, 8
        for _ in range((16 if number < 6 else 64) if bits.read(1) else 0):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def _order(bits: Bits) -> tuple[int, int]:
    """How the order of pictures is told, and in how many bits."""
    kind = bits.count()
    if kind == 0:
        return kind, bits.count() + 4
    if kind == 1:
        bits.read(1), bits.signed(), bits.signed()
        for _ in range(bits.count()):
            bits.signed()
    return kind, 0
