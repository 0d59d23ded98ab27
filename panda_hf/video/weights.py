"""Which frames of H.264 are coded from others made brighter or darker, as encoders do in fades; nothing decoded."""

from __future__ import annotations

from dataclasses import dataclass, field

from panda_hf.video.h264 import (
    IDR_SLICE,
    PICTURE_SET,
    SEQUENCE_SET,
    Bits,
    ParameterSets,
    PictureFacts,
    SequenceFacts,
    picture_facts,
    sequence_facts,
    units_between_start_codes,
)

HEAD_BYTES = 32
"""So much of a slice holds the fields that are read."""

_P_SLICES = (0, 3)

_FINEST = 7
"""Weights are told in no finer steps than a half to this power."""


@dataclass(frozen=True)
class WeightReader:
    """Reads slices of one stream in which P-frames may say how much of another frame's light they take (explicit
    weighted prediction). x264 asks of each whether that helps: it does in fades, and in most dissolves."""

    sequence: SequenceFacts
    picture: PictureFacts
    sets: frozenset[bytes] = field(default=frozenset(), repr=False)
    """The parameter sets themselves."""

    @classmethod
    def of(cls, codec: str, box: bytes | None) -> WeightReader | None:
        """The reader for a stream, by its codec and what its container stores beside the packets.

        Returns:
            ``None`` where P-frames never say so, or where that cannot be told: of other codecs, of streams of several
            sets of parameters, of interlaced ones, and of those that tell the order of pictures by differences.
        """
        if codec != "h264" or not box:
            return None
        try:
            sequence, picture = _sets(box)
            found = cls(
                sequence_facts(sequence),
                picture_facts(picture),
                frozenset([sequence.rstrip(b"\0"), picture.rstrip(b"\0")]),
            )
        except ValueError:
            return None
        is_plain = found.sequence.is_progressive and found.sequence.order_kind != 1
        return found if is_plain and found.picture.weighted else None

    def weight(self, unit: bytes) -> float:
        """How much of the light of the frame that is mostly referred to a slice takes: 1 all, less in a fade to black.

        Args:
            unit: the first ``HEAD_BYTES`` of a slice, with the byte that says its kind.

        Raises:
            ValueError: it ends too early, or is damaged.
        """
        bits = Bits(unit[1:HEAD_BYTES])
        bits.count()  # its first macroblock
        if bits.count() % 5 not in _P_SLICES:
            return 1.0
        bits.count()  # its picture parameter set
        self._skip_place(bits, is_idr=unit[0] & 31 == IDR_SLICE)
        if bits.read(1):
            bits.count()  # so many frames are referred to
        if bits.read(1):  # in another order
            while bits.count() != 3:
                bits.count()
        steps = bits.count()
        if steps > _FINEST:
            raise ValueError("a weight is told in too fine steps")
        if self.sequence.chroma_format:
            bits.count()
        return bits.signed() / (1 << steps) if bits.read(1) else 1.0

    def _skip_place(self, bits: Bits, *, is_idr: bool) -> None:
        """When the picture is decoded, and when it is shown."""
        bits.read(self.sequence.frame_number_bits)
        if is_idr:
            bits.count()
        if self.sequence.order_kind == 0:
            bits.read(self.sequence.order_bits)
            if self.picture.bottom_order:
                bits.signed()
        if self.picture.redundant:
            bits.count()


def _sets(box: bytes) -> tuple[bytes, bytes]:
    """The one sequence and the one picture parameter set of a stream.

    Raises:
        ValueError: there are others.
    """
    if box[0] == 1:  # as mp4 stores them
        stored = ParameterSets.parse(box)
        sequences, pictures = list(stored.sequence), list(stored.picture)
    else:
        units = units_between_start_codes(box)
        sequences = [unit for unit in units if unit[0] & 31 == SEQUENCE_SET]
        pictures = [unit for unit in units if unit[0] & 31 == PICTURE_SET]
    if len(sequences) != 1 or len(pictures) != 1:
        raise ValueError("it has several parameter sets")
    return sequences[0], pictures[0]
