"""The tab "Explore a dataset": captions searched, scores and lengths drawn, clips played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panda_hf.errors import SourceError
from panda_hf.showing import pages
from panda_hf.showing.collection import Collection, Filter, clip_file, require_public
from panda_hf.showing.desk import EXPECTED, Desk
from panda_hf.showing.repository import UNPACKED
from panda_hf.showing.tab_split import Sliders, plain, write_own
from panda_hf.showing.visits import Visit
from panda_hf.stage import Row

PAGE_ROWS = 12
"""Clips that are shown at once."""
CALL_ROWS = 1000
"""Rows that a program is given at most."""


@dataclass(frozen=True)
class ExploreTab:
    """Datasets for the visitors of a desk."""

    desk: Desk

    def open(self, key: str | None, name: str) -> Collection:
        """Open a dataset.

        Raises:
            SourceError: when it is not there, not for this visitor, or holds no captioned clips.
        """
        with self.desk.visits.of(key) as visit:
            visit.things["collection"] = found = self._opened(name)
            return found

    def open_own(self, key: str | None, sliders: Sliders) -> Collection:
        """Open what the visitor has split, as a dataset.

        Raises:
            PandaError: when nothing was split yet.
        """
        with self.desk.visits.of(key) as visit:
            folder = write_own(visit, sliders, None)
            found = Collection.open(
                str(folder), max_rows=self.desk.limits.max_rows, label=folder.name, address=UNPACKED
            )
            visit.things["collection"] = found
            return found

    def page(self, key: str | None, wanted: Filter, number: int) -> tuple[str, int, int]:
        """A page of the clips that fit; its number and how many there are. Empty before a dataset is open."""
        with self.desk.visits.of(key) as visit:
            found: Collection | None = visit.things.get("collection")
            if found is None:
                return "", 1, 1
            kept = found.search(wanted)
            count = max(1, -(-len(kept) // PAGE_ROWS))
            number = min(max(1, number), count)
            shown = kept[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]
            return pages.collection(found, kept, shown, self._files(visit, found, shown)), number, count

    def call(self, name: str, wanted: Filter, limit: int) -> Row:
        """Search a dataset, for a program.

        Raises:
            SourceError: see :meth:`open`.
        """
        found = self._opened(name)
        kept = found.search(wanted)
        rows = [{**plain(row), "link": found.link(row)} for row in kept[: min(max(0, limit), CALL_ROWS)]]
        return {"dataset": found.name, "rows_in_split": found.total, "found": len(kept), "rows": rows}

    def _opened(self, name: str) -> Collection:
        name = (name or "").strip()
        if not name:
            raise SourceError("Give the id of a dataset of the Hub, such as user/name.")
        if name not in self.desk.datasets and not self.desk.choices.free:
            require_public(name)
        # A folder is of use to visitors on their own machine alone; to others it would tell where things lie here.
        address = name if self.desk.choices.free or not Path(name).is_dir() else None
        return Collection.open(name, max_rows=self.desk.limits.max_rows, address=address)

    def _files(self, visit: Visit, found: Collection, rows: Sequence[Row]) -> dict[str, Path]:
        """A playable file of each clip whose pictures are found."""
        folder = visit.folder / "clips"
        folder.mkdir(exist_ok=True)
        files = {row["clip_id"]: self._file(found, row, folder) for row in rows if row["clip_id"]}
        return {clip_id: path for clip_id, path in files.items() if path is not None}

    def _file(self, found: Collection, row: Row, folder: Path) -> Path | None:
        try:
            args = (found.tables, found.media(row), str(folder))
            path = self.desk.visits.helpers.call(clip_file, *args, seconds=self.desk.limits.work_seconds)
        except EXPECTED:  # a clip without pictures is shown without them
            return None
        return None if path is None else Path(path)
