"""Preprocessing ahead of the model: threads prepare the next batches while it generates, batches of like length."""

from __future__ import annotations

import contextlib
import copy
import logging
import queue
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from panda_hf.errors import CheckpointError, EndpointError
from panda_hf.models.release import is_out_of_memory, release_memory
from panda_hf.stage import Failure

if TYPE_CHECKING:
    from panda_hf.captioning.registry.card import Decoding, TeacherCard
    from panda_hf.captioning.teachers.base import ClipInput, Reply, Teacher

WORKERS = 2
"""Threads that prepare inputs. As many batches are prepared ahead, and one more."""

log = logging.getLogger(__name__)


@runtime_checkable
class PreparingTeacher(Protocol):
    """A teacher that can preprocess in a thread: ``caption`` is ``write`` of what ``prepare`` made."""

    card: TeacherCard
    processor: Any

    def length(self, clip: ClipInput) -> int:
        """How long the prompt of a clip is, in tokens or anything that grows with them; 0 if it is always the same."""

    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> Any:
        """The model's inputs, on the CPU. Called in threads, each with a copy of ``processor`` for itself."""

    def write(self, clips: Sequence[ClipInput], inputs: Any, decoding: Decoding) -> Sequence[Reply]:
        """One reply per clip from the inputs that ``prepare`` made of the same clips."""


@dataclass
class Timings:
    """Where the time of teachers went, in seconds; see :func:`timed`."""

    clips: int = 0
    batches: int = 0
    prepare_seconds: float = 0.0
    """Preprocessing, added up over the threads."""
    wait_seconds: float = 0.0
    """The model had nothing to do: its next batch was not prepared yet."""
    write_seconds: float = 0.0
    """The model generated; with preprocessing where a teacher cannot prepare ahead."""


_TIMINGS: ContextVar[Timings | None] = ContextVar("timings", default=None)
_COPIES: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()


class _Inputs(NamedTuple):
    values: Any
    seconds: float  # that preparing them took


@contextlib.contextmanager
def timed() -> Iterator[Timings]:
    """Measure the teachers that write in this thread meanwhile.

    Example::

        with timed() as timings:
            apply(clips, Caption(teacher="mini_video"))
        print(timings.write_seconds)
    """
    timings = Timings()
    token = _TIMINGS.set(timings)
    try:
        yield timings
    finally:
        _TIMINGS.reset(token)


def write_all(teacher: Teacher, clips: Sequence[ClipInput], decoding: Decoding, *, batch_size: int) -> list[Reply]:
    """What a teacher writes of each clip, in the order of the clips.

    The clips are put into batches of like size and length of prompt, so that little is padded; a
    :class:`PreparingTeacher` finds its next batches prepared. Of a batch that fails each clip is tried alone; one
    for which memory does not suffice is halved until it does.

    Args:
        teacher: who writes.
        clips: any number; the more, the better batches fit and the less the model waits.
        decoding: as for ``Teacher.caption``.
        batch_size: clips that the model sees at once.
    """
    timings = _TIMINGS.get() or Timings()
    lengths = [_length(teacher, clip) for clip in clips]
    groups = like_length([clip.frames.shape for clip in clips], lengths, batch_size)
    timings.clips += len(clips)
    timings.batches += len(groups)
    out: list[Reply] = [""] * len(clips)
    for group, inputs in _prepared(teacher, clips, groups):
        texts = _write(teacher, [clips[i] for i in group], inputs, decoding, timings)
        for i, text in zip(group, texts, strict=True):
            out[i] = text
    return out


def like_length(shapes: Sequence[tuple[int, ...]], lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """The places of all clips in batches of at most ``batch_size``, the most frames and the longest prompts first.

    What is alike stays in its order. The first batch is the hungriest: if memory does not suffice, it shows at once.

    Example:
        >>> like_length([(8, 4, 4, 3)] * 4, [1, 9, 2, 9], 2)
        [[1, 3], [2, 0]]
    """
    order = sorted(range(len(shapes)), key=lambda i: (shapes[i], lengths[i], -i), reverse=True)
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _length(teacher: Teacher, clip: ClipInput) -> int:
    try:
        return teacher.length(clip) if isinstance(teacher, PreparingTeacher) else 0
    except Exception:  # the clip fails again when it is prepared, and then becomes an error row
        return 0


def _prepared(
    teacher: Teacher, clips: Sequence[ClipInput], groups: Sequence[list[int]]
) -> Iterator[tuple[list[int], Future[_Inputs] | None]]:
    """Each group with its inputs, prepared in threads; ``None`` where the teacher cannot."""
    if not isinstance(teacher, PreparingTeacher):
        yield from ((group, None) for group in groups)
        return
    spare = _processors(teacher, min(WORKERS, len(groups)))
    waiting, ready = iter(groups), deque[tuple[list[int], Future[_Inputs]]]()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="prepare") as pool:
        try:
            while True:
                for group in islice(waiting, WORKERS + 1 - len(ready)):
                    ready.append((group, pool.submit(_prepare, teacher, [clips[i] for i in group], spare)))
                if not ready:
                    return
                yield ready.popleft()
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare(teacher: PreparingTeacher, clips: list[ClipInput], spare: queue.SimpleQueue[Any]) -> _Inputs:
    processor, started = spare.get(), time.perf_counter()
    try:
        return _Inputs(teacher.prepare(clips, processor), time.perf_counter() - started)
    finally:
        spare.put(processor)


def _processors(teacher: PreparingTeacher, count: int) -> queue.SimpleQueue[Any]:
    """As many copies of the teacher's processor: its tokenizer may not be used by two threads at once."""
    copies = _COPIES.setdefault(teacher.processor, [])
    while len(copies) < count:
        copies.append(copy.deepcopy(teacher.processor))
    spare: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for processor in copies[:count]:
        spare.put(processor)
    return spare


def _write(
    teacher: Teacher,
    clips: list[ClipInput],
    inputs: Future[_Inputs] | None,
    decoding: Decoding,
    timings: Timings,
) -> list[Reply]:
    """What is written of one batch; where that fails, of its halves or of each of its clips."""
    try:
        texts = _attempt(teacher, clips, inputs, decoding, timings)
        if len(texts) != len(clips):
            raise ValueError(f"teacher {teacher.card.name!r} wrote {len(texts)} captions for {len(clips)} clips")
        return list(texts)
    except (CheckpointError, EndpointError):  # every other clip would meet it too
        raise
    except Exception as error:
        if len(clips) == 1:  # the clip goes without this candidate
            return [Failure.of(error)]
        smaller = _smaller(teacher.card.name, clips, error)
    release_memory()  # the error and the tensors that its traceback held are gone only here
    return [text for part in smaller for text in _write(teacher, part, None, decoding, timings)]


def _smaller(name: str, clips: list[ClipInput], error: Exception) -> list[list[ClipInput]]:
    """The halves of a batch that memory did not suffice for; the clips of any other one alone."""
    if not is_out_of_memory(error):
        log.warning("teacher %s: a batch of %d clips failed (%s); one by one", name, len(clips), error)
        return [[clip] for clip in clips]
    half = len(clips) // 2
    log.warning("teacher %s: memory did not suffice for %d clips at once; trying %d", name, len(clips), half)
    return [clips[:half], clips[half:]]


def _attempt(
    teacher: Any,
    clips: list[ClipInput],
    inputs: Future[_Inputs] | None,
    decoding: Decoding,
    timings: Timings,
) -> Sequence[Reply]:
    started = time.perf_counter()
    ready = inputs.result() if inputs is not None else None
    waited = time.perf_counter() - started
    if ready is not None:
        timings.wait_seconds += waited
        timings.prepare_seconds += ready.seconds
    try:
        return teacher.caption(clips, decoding) if ready is None else teacher.write(clips, ready.values, decoding)
    finally:
        timings.write_seconds += time.perf_counter() - started - waited
