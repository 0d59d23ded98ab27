"""Generic pairs for pre-training: clips with captions that are all right, from datasets."""

from __future__ import annotations

from datasets import Dataset

from panda_hf.errors import MissingColumnError, SourceError


def paired_clips(*tables: Dataset) -> list[tuple[str, tuple[str, ...]]]:
    """Clip ids and their captions; rows of one clip are put together, rows without a caption left out.

    Args:
        tables: with ``clip_id`` and ``caption`` or ``captions``.

    Raises:
        MissingColumnError: when a column is missing.
        SourceError: when no row has a caption.
    """
    found: dict[str, list[str]] = {}
    for table in tables:
        columns = [name for name in ("caption", "captions") if name in table.column_names]
        if "clip_id" not in table.column_names or not columns:
            raise MissingColumnError(
                f"pairs need the columns clip_id, and caption or captions; there are {table.column_names}"
            )
        for row in table.select_columns(["clip_id", columns[0]]):
            said = row[columns[0]]
            texts = [said] if isinstance(said, str) else list(said or ())
            found.setdefault(row["clip_id"], []).extend(text for text in texts if text and text.strip())
    pairs = [(clip_id, tuple(dict.fromkeys(texts))) for clip_id, texts in found.items() if texts]
    if not pairs:
        raise SourceError("no row holds a caption to learn from")
    return pairs
