"""The tab "Split a long video": shots, stitches, reasons, clips; and the dataset that a visitor takes along."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from panda_hf.errors import VideoError
from panda_hf.running.sidecars import cues_of
from panda_hf.running.subtitles import decode_text
from panda_hf.showing import pages
from panda_hf.showing.cast import Cast
from panda_hf.showing.desk import EXPECTED, Chosen, Desk, Shown, given, told
from panda_hf.showing.long_video import Long, add_posters, caption_clips, scan_film, settings_of
from panda_hf.showing.repository import check_push, push_repository, write_repository, write_zip
from panda_hf.showing.student import Words
from panda_hf.showing.visits import Film, Visit, key_of
from panda_hf.splitting.settings import SplitSettings
from panda_hf.stage import Row

SUBTITLE_BYTES = 10**6
Sliders = Mapping[str, float]
"""Thresholds by their names in ``SplitSettings``."""


@dataclass(frozen=True)
class SplitTab:
    """Long videos for the visitors of a desk."""

    desk: Desk

    def split(
        self, key: str | None, words: Words, subtitles: str | None, sliders: Sliders, chosen: Chosen
    ) -> Iterator[Shown]:
        """Split the video that the visitor gave and caption its clips, telling of every step."""
        with self.desk.visits.of(key) as visit:
            result = ""
            try:
                visit.things.pop("long", None)
                cast, film = self.desk.choices.cast(*chosen), given(visit, "film")
                cues = self._cues(visit, subtitles)
                for said in self._scan(film, cast):
                    if isinstance(said, Long):
                        long = replace(said, words=replace(words, subtitle=None), subtitles=cues)
                    else:
                        yield Shown(pages.working("Looking for shots", said / (film.seconds or said or 1.0)), "")
                visit.things["long"], visit.things["cast"] = long, cast
                for shown in self._captions(long, settings_of(long.split.rules, sliders), cast):
                    result = shown.result
                    yield shown
            except EXPECTED as error:
                yield Shown(pages.problem(told(error)), result)

    def caption_rest(self, key: str | None, sliders: Sliders) -> Iterator[Shown]:
        """Caption the clips that a slider brought and that have no caption yet."""
        with self.desk.visits.of(key) as visit:
            result = ""
            try:
                long, cast = split_of(visit)
                for shown in self._captions(long, settings_of(long.split.rules, sliders), cast):
                    result = shown.result
                    yield shown
            except EXPECTED as error:
                yield Shown(pages.problem(told(error)), result)

    def restitch(self, key: str | None, sliders: Sliders) -> Shown | None:
        """Stitch anew under other thresholds, decoding nothing; ``None`` when nothing was split yet."""
        with self.desk.visits.of(key) as visit:
            if "long" not in visit.things:
                return None
            long, cast = split_of(visit)
            try:
                return Shown("", self._page(long, settings_of(long.split.rules, sliders), cast))
            except EXPECTED as error:
                return Shown(pages.problem(told(error)), "")

    def download(self, key: str | None, sliders: Sliders, license: str | None) -> Iterator[str]:
        """Write the clips as a dataset repository; a link to it as a zip."""
        with self.desk.visits.of(key) as visit:
            try:
                yield pages.working("Cutting the clips and writing the dataset")
                path = write_zip(write_own(visit, sliders, license))
                yield pages.download(path, path.stat().st_size)
            except EXPECTED as error:
                yield pages.problem(told(error))

    def push(
        self, key: str | None, sliders: Sliders, license: str | None, repo: str, token: str, private: bool
    ) -> Iterator[str]:
        """Publish the clips under the visitor's name, by the visitor's token, which is kept nowhere."""
        with self.desk.visits.of(key) as visit:
            try:
                check_push(repo, token, license, private=private)
                yield pages.working("Cutting the clips and writing the dataset")
                folder = write_own(visit, sliders, license)
                yield pages.working("Sending it to the Hub")
                yield pages.pushed(push_repository(folder, repo, token, private=private))
            except EXPECTED as error:
                yield pages.problem(told(error))

    def call(self, door: str, upload: str, words: Words, sliders: Sliders) -> tuple[Row, Path]:
        """The whole of it for a program behind a door: the rows, and the dataset repository as a zip.

        The upload is deleted, the zip when the visitor, whom nothing can call back, has been away long enough.

        Raises:
            PandaError: when it cannot be done.
        """
        desk, cast = self.desk, self.desk.choices.default
        settings = settings_of(cast.split().rules, sliders)
        with desk.visits.of(key_of(door, None)) as visit:
            film = desk.visits.take_over(visit, upload, one_clip=False)
            *_, last = self._scan(film, cast)
            assert isinstance(last, Long)
            long = replace(last, words=replace(words, subtitle=None))
            visit.things["film"], visit.things["long"], visit.things["cast"] = film, long, cast
            for _ in caption_clips(long, long.clips(settings), cast, desk.visits.helpers, desk.limits):
                pass
            row = {name: value for name, value in long.stitched(settings).items() if name != "clips"}
            answer = {**row, "clips": [plain(clip) for clip in long.clips(settings)]}
            return answer, write_zip(write_own(visit, sliders, None))

    def _cues(self, visit: Visit, upload: str | None) -> list[Row] | None:
        """The cues of the visitor's subtitle file, which stays until they leave: it may be asked for again."""
        if not upload:
            return None
        path = self.desk.visits.uploaded(visit, upload)
        visit.uploads.add(path)
        return read_cues(path)

    def _scan(self, film: Film, cast: Cast) -> Iterator[float | Long]:
        return scan_film(film, cast.split(), self.desk.visits.helpers, self.desk.limits)

    def _captions(self, long: Long, settings: SplitSettings, cast: Cast) -> Iterator[Shown]:
        clips, helpers, limits = long.clips(settings), self.desk.visits.helpers, self.desk.limits
        yield Shown(pages.working("Taking a picture of each clip"), self._page(long, settings, cast, is_working=True))
        add_posters(long, clips, helpers, limits)
        for doing in caption_clips(long, clips, cast, helpers, limits):
            yield Shown(pages.working(doing), self._page(long, settings, cast, is_working=True))
        yield Shown(pages.working(""), self._page(long, settings, cast))

    def _page(self, long: Long, settings: SplitSettings, cast: Cast, *, is_working: bool = False) -> str:
        return pages.split(long, long.stitched(settings), long.clips(settings), cast, is_working=is_working)


def split_of(visit: Visit) -> tuple[Long, Cast]:
    """What the visitor has split, and by whom it is captioned.

    Raises:
        VideoError: when nothing was split yet.
    """
    if "long" not in visit.things:
        raise VideoError("No video was split yet. Upload one or take an example, then press “Split and caption”.")
    return visit.things["long"], visit.things["cast"]


def write_own(visit: Visit, sliders: Sliders, license: str | None) -> Path:
    """What the visitor has split, as a dataset repository.

    Raises:
        PandaError: when nothing was split yet, or no clip is left.
    """
    long, cast = split_of(visit)
    settings = settings_of(long.split.rules, sliders)
    last: Path | None = visit.things.pop("written", None)
    if last is not None:
        shutil.rmtree(last, ignore_errors=True)
    visit.things["written"] = folder = visit.new_path("")
    return write_repository(long, settings, cast, folder / long.video_id, license)


def read_cues(path: str) -> list[Row]:
    """The cues of an uploaded subtitle file.

    Raises:
        VideoError: when it is none that can be read.
    """
    file = Path(path)
    if file.is_symlink() or not file.is_file() or file.stat().st_size > SUBTITLE_BYTES:
        raise VideoError("The subtitles are no file of at most 1 MB. Give an .srt or .vtt file.")
    cues = cues_of(decode_text(file.read_bytes()), "the subtitles")
    if cues is None:
        raise VideoError("No subtitle is found in that file. Give an .srt or .vtt file.")
    return cues


def plain(row: Row) -> Row:
    """A row as a program is given it: without references to files of this machine."""
    return {name: value for name, value in row.items() if name not in ("video", "error", "filtered")}
