"""A model that another process serves: asked over HTTP as an OpenAI-compatible endpoint of chat completions."""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from panda_hf.captioning.registry.card import Decoding, TeacherCard
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.captioning.seeds import request_seed, row_key
from panda_hf.captioning.server import server_of
from panda_hf.captioning.teachers.base import ClipInput, Reply, pick_frame, pick_frames, prompt_for
from panda_hf.errors import EndpointError
from panda_hf.models.loading import Loading


@dataclasses.dataclass(frozen=True)
class EndpointTeacher:
    """One user turn per clip: the frames as JPEG images in order, then the four-part prompt."""

    card: TeacherCard
    endpoint: Endpoint

    def caption(self, clips: Sequence[ClipInput], decoding: Decoding) -> list[Reply]:
        """Ask about all clips, several at once; see :class:`~panda_hf.captioning.teachers.base.Teacher`.

        Raises:
            EndpointError: when the server refuses every request.
        """
        requests = [functools.partial(self.request, clip, decoding) for clip in clips]
        return server_of(self.endpoint).ask_all(requests)

    def request(self, clip: ClipInput, decoding: Decoding) -> dict[str, Any]:
        """The JSON that is sent for a clip."""
        pictures = [_picture(frame, self.endpoint.jpeg_quality) for frame in self._frames(clip)]
        words = {"type": "text", "text": prompt_for(self.card, clip, None)}
        fields: dict[str, Any] = {
            "model": self.card.checkpoint,
            "messages": [{"role": "user", "content": [*pictures, words] if pictures else words["text"]}],
            "max_tokens": decoding.max_new_tokens,
            "temperature": decoding.temperature if decoding.sample else 0.0,
        }
        if decoding.sample:
            seed = request_seed(row_key(decoding, self.card.name, clip.clip_id))
            fields |= {"top_p": decoding.top_p, "seed": seed}
        if decoding.stop:
            fields["stop"] = list(decoding.stop[:4])  # as many as the protocol allows; the others are cut off here
        fields |= dict(self.endpoint.extra)
        return {name: value for name, value in fields.items() if value is not None}

    def _frames(self, clip: ClipInput) -> Sequence[np.ndarray]:
        if "video" in self.card.sees:
            return list(pick_frames(clip, self.card.num_frames))
        return [pick_frame(clip, self.card.name)] if "image" in self.card.sees else []


def _picture(frame: np.ndarray, quality: int) -> dict[str, Any]:
    """A frame, uint8 [h, w, 3], as a part of a message."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=quality)
    url = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def load(card: TeacherCard, device: str, loading: Loading) -> EndpointTeacher:
    """Build the teacher; nothing is asked yet.

    Raises:
        EndpointError: when the card names no endpoint, or the variable that should hold the key is not set.
    """
    if card.endpoint is None:
        raise EndpointError(
            f"teacher {card.name!r}: where is its server? Give endpoint=Endpoint(url='http://HOST/v1')"
        )
    server_of(card.endpoint)
    return EndpointTeacher(card, card.endpoint)
