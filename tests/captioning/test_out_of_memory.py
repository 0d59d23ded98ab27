"""A batch for which memory does not suffice is halved until it does; only a clip that is too large alone is lost."""

from __future__ import annotations

import torch

from panda_hf.captioning.ahead import write_all
from panda_hf.models.release import is_out_of_memory
from panda_hf.stage import Failure
from tests.captioning.test_ahead import DECODING, Slow, clips_of


class Small(Slow):
    """Has room for so many letters at once."""

    room = 5

    def write(self, clips, inputs, decoding):
        self.written.append(len(inputs))
        if sum(map(len, inputs)) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return [title.upper() for title in inputs]


def test_a_batch_is_halved_until_it_fits():
    """Nine clips of ten letters are too many; four with the long one are five letters, and so are the other five."""
    teacher = Small()
    assert write_all(teacher, clips_of(*"abcdefgh", "xy"), DECODING, batch_size=9) == [*"ABCDEFGH", "XY"]
    assert teacher.written == [9, 4, 5]  # "xy" goes first, with the longest prompts


def test_a_clip_that_is_too_large_alone_is_lost_alone():
    said = write_all(Small(), clips_of("a", "enormous", "b"), DECODING, batch_size=3)
    assert said[::2] == ["A", "B"]
    assert isinstance(said[1], Failure) and said[1].type == "OutOfMemoryError"


def test_out_of_memory_is_told_from_other_errors():
    assert is_out_of_memory(torch.OutOfMemoryError("x")) and is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: out of memory"))
    assert not is_out_of_memory(ValueError("out of memory")) and not is_out_of_memory(RuntimeError("no"))
