"""The released Panda-70M: its CSV files to Parquet."""

from panda_hf.release.build import RECORD, build_release
from panda_hf.release.source import COLUMNS, LATE_COLUMNS, ReleaseCSV, ReleaseFile
from panda_hf.release.summary import BuildSummary, PartSummary

__all__ = [
    "COLUMNS", "LATE_COLUMNS", "RECORD", "BuildSummary", "PartSummary", "ReleaseCSV", "ReleaseFile", "build_release",
]  # fmt: skip
