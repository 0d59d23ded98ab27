"""`Redact`: names of people in captions become the word "person", as in the released Panda-70M."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from datasets import Features, Value

from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import resolve
from panda_hf.models.devices import device_of
from panda_hf.rights.texts import OverText, rewritten, text_features, texts_of
from panda_hf.stage import Batch, Resources, Stage

Spans = list[tuple[int, int]]
"""Start and end of names in a text, in characters."""

MODEL = "dslim/bert-base-NER"
"""A model for English names; 0.4 GB, downloaded once from the Hub, or a folder that holds one."""
WORD = "person"
_PERSON = re.compile(r"(?:[BIESLU]-)?PER(?:SON)?", re.IGNORECASE)
_JOINT = re.compile(r"(?:\s+[A-Z]\.?(?=\s))*[\s.'’-]*")
"""What stands between the parts of one name: blanks, dots, dashes, initials."""
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Mister|Dr|Prof|Sir|Madam)\b\.?\s+$", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’]s?$")


@dataclass(frozen=True, kw_only=True)
class Redact(OverText, Stage):
    """Replace names of people in text columns by "person", and count them in `redactions`.

    The names are found by a token-classification model of transformers, any with a label for persons. A name that the
    model does not find stays: check a sample before you rely on it. Rows that failed are left as they are.

    The quality with a real model was not measured here: the tests use a tiny one, trained on the spot, which shows
    that what a model finds is replaced rightly. The names themselves are stored nowhere.
    """

    model: str = MODEL
    """A Hub id or a folder."""
    revision: str | None = None
    """Branch, tag or commit of a Hub model."""

    @property
    def appends(self) -> Features:
        """The same columns, and how many names were replaced in a row."""
        return Features({**text_features(self.columns), "redactions": Value("int32")})

    @property
    def resources(self) -> Resources:
        """The model is small: it shares a GPU with others."""
        return Resources(num_gpus=0.25)

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """Each different text is looked at once."""
        texts = sorted({text for name in self.columns for value in batch[name] for text in texts_of(value)})
        spans = dict(zip(texts, find_names(texts, self.model, self.revision, device_of(rank)), strict=True))
        rows = range(len(batch[self.columns[0]]))
        new: Batch = {
            name: [rewritten(batch[name][i], lambda text: redacted(text, spans[text])) for i in rows]
            for name in self.columns
        }
        counts = [sum(len(spans[text]) for name in self.columns for text in texts_of(batch[name][i])) for i in rows]
        return {**new, "redactions": counts}


def redacted(text: str, spans: Spans) -> str:
    """``text`` with "person" in place of each span.

    Example:
        >>> redacted("Ann's hat, worn by Bo", [(0, 3), (19, 21)])
        "person's hat, worn by person"
    """
    for start, end in reversed(spans):
        text = text[:start] + WORD + text[end:]
    return text


def find_names(texts: Sequence[str], model: str, revision: str | None, device: str) -> list[Spans]:
    """Where names of people stand in each text: whole words, parts of a name together, with its title.

    Raises:
        CheckpointError: the model cannot be loaded, or knows no persons.
    """
    if not texts:
        return []
    said = [text for text in texts if text.strip()]
    found = dict(zip(said, _recogniser(model, revision, device)(said, batch_size=16) if said else [], strict=True))
    return [
        whole_names(text, [(entity["start"], entity["end"]) for entity in found.get(text, []) if _is_person(entity)])
        for text in texts
    ]


def whole_names(text: str, pieces: Spans) -> Spans:
    """Pieces of names as whole names: grown to words, joined over blanks and dots, with a title, without 's."""
    grown: Spans = []
    for start, end in sorted(pieces):
        while start > 0 and text[start - 1].isalnum():
            start -= 1
        while end < len(text) and text[end].isalnum():
            end += 1
        if grown and _JOINT.fullmatch(text, grown[-1][1], max(start, grown[-1][1])):
            grown[-1] = (grown[-1][0], max(end, grown[-1][1]))
        else:
            grown.append((start, end))
    return [span for piece in grown if (span := _trimmed(text, *piece))[1] > span[0]]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    title = _TITLE.search(text, 0, start)
    possessive = _POSSESSIVE.search(text, start, end)
    end = possessive.start() if possessive else end
    while end > start and text[end - 1] in " .,;:":
        end -= 1
    return (title.start() if title else start), end


def _is_person(entity: dict[str, Any]) -> bool:
    return _PERSON.fullmatch(str(entity.get("entity_group") or entity.get("entity"))) is not None


@functools.cache
def _recogniser(model: str, revision: str | None, device: str) -> Any:
    import transformers

    try:
        place = _place(resolve(model), revision)
        tokenizer = transformers.AutoTokenizer.from_pretrained(place, revision=revision)
        network = transformers.AutoModelForTokenClassification.from_pretrained(place, revision=revision)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"the model for names {model!r} cannot be loaded: {str(error).splitlines()[0][:200]}. Redact downloads it "
            f"once from the Hub ({MODEL}: 0.4 GB, `hf download {MODEL}`); without access, give a folder that holds one"
        ) from error
    if not any(_PERSON.fullmatch(str(label)) for label in network.config.id2label.values()):
        raise CheckpointError(
            f"{model!r} has no label for persons; its labels are {list(network.config.id2label.values())}"
        )
    if not tokenizer.is_fast:
        raise CheckpointError(
            f"the tokenizer of {model!r} does not tell where words stand; give a model with a fast one"
        )
    return transformers.pipeline(
        "token-classification", model=network, tokenizer=tokenizer, aggregation_strategy="simple", device=device
    )


def _place(model: str, revision: str | None) -> str:
    """A folder or Hub id; without a network the folder of an earlier download, of which nothing is asked again."""
    if Path(model).is_dir() or _hub_answers(model, revision):
        return model
    from huggingface_hub import snapshot_download

    return snapshot_download(model, revision=revision, local_files_only=True)


def _hub_answers(model: str, revision: str | None) -> bool:
    """Whether the Hub can be reached, asked once: without it, huggingface_hub tries half a minute for each file."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    client_error = cast(
        type[Exception], HfHubHTTPError.__mro__[1]
    )  # of the HTTP client, which is another in each version
    try:
        HfApi().model_info(model, revision=revision, timeout=10)
    except (HfHubHTTPError, ValueError):
        return True  # it answered, or was not asked since this is no id: from_pretrained says what is wrong
    except (client_error, OSError):
        return False
    return True
