"""Benchmark corpora: videos with several human captions each, in the splits that papers report on."""

from panda_hf.corpora.annotations import read_id_list, read_json, read_listed
from panda_hf.corpora.build import CORPUS_ROW, CorpusSummary, Entry, Expected, ids_digest, write_corpus

__all__ = [
    "CORPUS_ROW", "CorpusSummary", "Entry", "Expected", "ids_digest", "read_id_list", "read_json", "read_listed",
    "write_corpus",
]  # fmt: skip
