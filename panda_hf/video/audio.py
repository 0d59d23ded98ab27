"""The sound of a stretch of video, trimmed to the sample; broken sound gives silence and a note, never an error."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from panda_hf.video.source import Source, open_video
from panda_hf.video.streams import read_packets

CHUNK = 1024  # samples of one AAC frame
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_OTHER_RATE = 48000
_LEAD_SECONDS = 1.0
_JITTER_SECONDS = 0.02  # timestamps that differ less from the running count are rounding


class Sound:
    """Decodes the best audio stream of a video between two times. Close it.

    Attributes:
        rate: samples per second; 0 when there is no usable audio.
        channels: 1 or 2; more are mixed down.
        note: why the sound is missing or incomplete, ``None`` when it is whole.
    """

    def __init__(self, source: Source, start: float, end: float) -> None:
        self.rate = 0
        self.channels = 0
        self.note: str | None = None
        self._start, self._end = start, end
        self._open = open_video(source)
        stream = self._open.container.streams.best("audio")
        if stream is None:
            return
        if stream.codec_context is None or not isinstance(stream, AudioStream):
            self.note = "the audio was left out: libav cannot decode its codec"
            return
        self._stream = stream
        try:
            self.rate = stream.rate if stream.rate in _AAC_RATES else _OTHER_RATE
            self.channels = min(2, max(1, stream.channels))
            self._seek()
        except (av.FFmpegError, ValueError, OSError) as error:
            self.rate, self.note = 0, f"the audio was left out: {error}"

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """Consecutive float32 blocks [channels, CHUNK] from ``start`` on; the last one is shorter. May be empty."""
        if not self.rate:
            return
        held: list[NDArray[np.float32]] = []
        count = 0
        for block in self._trimmed():
            held.append(block)
            count += block.shape[1]
            if count >= CHUNK:
                joined = np.concatenate(held, axis=1)
                whole = count - count % CHUNK
                yield from np.split(joined[:, :whole], whole // CHUNK, axis=1)
                held, count = [joined[:, whole:]], count - whole
        if count:
            yield np.concatenate(held, axis=1)

    def _trimmed(self) -> Iterator[NDArray[np.float32]]:
        """Blocks that follow each other without gap: overlaps cut, gaps filled with silence."""
        done, total = 0, round((self._end - self._start) * self.rate)
        for time, block in self._blocks():
            at = round((time - self._start) * self.rate)
            if abs(at - done) <= _JITTER_SECONDS * self.rate and done:
                at = done
            if at > done:
                gap = min(at, total) - done
                yield np.zeros((self.channels, gap), np.float32)
                done += gap
            block = block[:, max(0, done - at) : max(0, total - at)]
            if block.shape[1]:
                yield block
                done += block.shape[1]
            if done >= total:
                return

    def _blocks(self) -> Iterator[tuple[float, NDArray[np.float32]]]:
        """(time in seconds, samples [channels, n]) of everything that decodes from a little before ``start`` on."""
        resampler = av.AudioResampler(format="fltp", layout="mono" if self.channels == 1 else "stereo", rate=self.rate)
        time: float | None = None
        for frame in self._frames():
            if frame.pts is not None and frame.time_base is not None:
                time = float(frame.pts * frame.time_base) - self._origin
            time = 0.0 if time is None else time
            if time > self._end:
                return
            try:
                resampled = resampler.resample(frame)
            except (av.FFmpegError, ValueError) as error:
                self.note = f"the audio ends early: {error}"
                return
            at = time
            for part in resampled:
                yield at, np.asarray(part.to_ndarray(), np.float32)
                at += part.samples / self.rate
            time += frame.samples / frame.sample_rate

    def _frames(self) -> Iterator[AudioFrame]:
        failed = 0
        try:
            for packet in read_packets(self._open.container, self._stream):
                try:
                    yield from self._stream.decode(packet)
                except EOFError:
                    pass
                except (av.FFmpegError, MemoryError):
                    failed += 1
                    self.note = f"{failed} audio packets did not decode and are silent"
        except (av.FFmpegError, OSError) as error:
            self.note = f"the audio ends early: {error}"

    def _seek(self) -> None:
        container = self._open.container
        self._origin = (container.start_time or 0) / av.time_base
        target = self._start - _LEAD_SECONDS
        if target > 0:
            container.seek(int((target + self._origin) * av.time_base))
