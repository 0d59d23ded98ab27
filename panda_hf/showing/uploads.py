"""Where a visitor's file arrives: in a folder of its own behind the visitor's door, under a name nobody can guess."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from typing import Any

from panda_hf.showing.doors import cookie_of, door_of
from panda_hf.showing.visits import Visits

WHERE = "/gradio_api/upload"


def upload_route(visits: Visits) -> Any:
    """What takes the place of Gradio's own route, which names a file by the hash of its bytes, the same for all."""
    from starlette.routing import Route

    return Route(WHERE, _endpoint(visits), methods=["POST"])


def _endpoint(visits: Visits) -> Callable[[Any], Awaitable[Any]]:
    from starlette.responses import JSONResponse, PlainTextResponse

    async def upload(request: Any) -> Any:
        folder = visits.new_upload(door_of(cookie_of(request.scope)))
        try:
            return JSONResponse(await _received(request, str(folder), visits.limits.max_bytes))
        except Exception as error:
            shutil.rmtree(folder, ignore_errors=True)
            status, text = _refusal(error)
            if not status:
                raise
            return PlainTextResponse(text, status)
        except BaseException:  # the visitor has gone
            shutil.rmtree(folder, ignore_errors=True)
            raise

    return upload


async def _received(request: Any, folder: str, max_bytes: int) -> list[str]:
    from gradio.route_utils import upload_fn
    from gradio.routes import file_upload_statuses

    number = request.query_params.get("upload_id")
    progress = file_upload_statuses if number else None
    files, _, _ = await upload_fn(request, folder, max_bytes, number, force_move=True, upload_progress=progress)
    return [str(path) for path in files]


def _refusal(error: Exception) -> tuple[int, str]:
    """What is answered; 0: not a mistake of the visitor's."""
    from python_multipart.exceptions import MultipartParseError
    from starlette.exceptions import HTTPException
    from starlette.formparsers import MultiPartException

    if isinstance(error, MultiPartException):
        return (413 if "maximum allowed size" in error.message else 400), error.message
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail)
    if isinstance(error, (MultipartParseError, OSError, TypeError, UnicodeError)):
        return 400, "This upload cannot be read: give one file in the field “files”."
    return 0, ""
