"""Chat templates, as Hub checkpoints bring them."""

from __future__ import annotations

from typing import Any


def one_turn(templated: Any, content: Any) -> str:
    """What a user says, in a chat template; a model that can think aloud is asked not to.

    Args:
        templated: a processor or tokenizer with a ``chat_template``.
        content: a text, or a list of parts where the template takes pictures.
    """
    # Transformers warns at every call of an option that the template does not know.
    thinking = {"enable_thinking": False} if "enable_thinking" in str(templated.chat_template) else {}
    turns = [{"role": "user", "content": content}]
    return str(templated.apply_chat_template(turns, add_generation_prompt=True, tokenize=False, **thinking))


def starts_itself(tokenizer: Any, prompt: str) -> bool:
    """Whether a prompt brings the token that starts a text, so that the tokenizer must not add another."""
    return bool(tokenizer.bos_token) and prompt.startswith(tokenizer.bos_token)
