"""`push_model`: a model's folder to the Hub: checked, with a card, read back, and only what is new."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from panda_hf import __version__
from panda_hf.publishing.card import UNKNOWN_LICENSE
from panda_hf.publishing.hub.model_files import copied, publishable, read_json
from panda_hf.publishing.hub.prepare import CARD, PROVENANCE, Prepared, file_sha256
from panda_hf.publishing.hub.publish import PushSummary, Say, send
from panda_hf.publishing.hub.remote import FIRST_PAUSE_SECONDS, Repository
from panda_hf.publishing.model_card import Told, render_model_card
from panda_hf.publishing.model_kinds import kind_of


def push_model(
    folder: str | os.PathLike[str],
    repo_id: str,
    told: Told | None = None,
    *,
    private: bool | None = None,
    token: str | None = None,
    dry_run: bool = False,
    message: str | None = None,
    pause_seconds: float = FIRST_PAUSE_SECONDS,
    say: Say | None = None,
) -> PushSummary:
    """Publish a model: weights and settings first, card and provenance last, then compare what arrived.

    Called again it uploads what is new or other and deletes what an earlier push brought and the folder no longer
    has. A student's repository also gets the code that it runs on, for those who have no panda_hf.

    Args:
        folder: a student, a selector or a teacher, as ``save_pretrained`` or a training of this package wrote it.
        repo_id: ``user/name``.
        told: what the card says beside what the folder holds; ``None``: nothing.
        private: of a new repository; ``None``: as the account has it. One that is there must be as this says.
        token: of the Hub; ``None`` for the one that is logged in.
        dry_run: tell what would be done, change nothing.
        message: of the commits.
        pause_seconds: before the first new try of what may pass.
        say: told what is happening.

    Raises:
        OutputError: the folder is no model, or holds what must not be published.
        HubError: see :func:`panda_hf.publishing.hub.push`.
    """
    model, told = Path(folder), told or Told()
    repository = Repository(repo_id, token, pause_seconds, kind="model")
    with tempfile.TemporaryDirectory(prefix="panda_hf-push-") as temporary:
        prepared = prepare_model(model, Path(temporary), repo_id, told)
        name = message or f"Publish {repo_id.rpartition('/')[2]} with panda_hf"
        return send(
            repository, prepared, private=private, dry_run=dry_run, message=name, tell=say or (lambda text: None)
        )


def prepare_model(folder: Path, staging: Path, repo_id: str, told: Told) -> Prepared:
    """Check a model's files and write what is published beside them into ``staging``: card, provenance, code.

    Raises:
        OutputError: see :func:`push_model`.
    """
    prepared = Prepared(license_known=told.license != UNKNOWN_LICENSE)
    prepared.files = copied(publishable(folder), staging)
    if kind_of(read_json(folder / "config.json")).kind == "student":
        from panda_hf.models.student.repository import add_code

        for path in add_code(staging):
            prepared.files[path.relative_to(staging).as_posix()] = path
    (staging / CARD).write_text(render_model_card(folder, repo_id, told), encoding="utf-8")
    prepared.files[CARD] = staging / CARD
    prepared.digests = {name: file_sha256(path) for name, path in prepared.files.items()}
    listed = {
        name: {"bytes": path.stat().st_size, "sha256": prepared.digests[name]} for name, path in prepared.files.items()
    }
    provenance = {"made_by": "panda_hf", "version": __version__, "files": listed}
    (staging / PROVENANCE).write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
    prepared.files[PROVENANCE] = staging / PROVENANCE
    prepared.digests[PROVENANCE] = file_sha256(staging / PROVENANCE)
    return prepared
