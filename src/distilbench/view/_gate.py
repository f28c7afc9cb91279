"""Who may ask: a program on this machine, by a loopback name, that has the token.

Loopback keeps other machines out. The name that was asked for keeps out web pages whose own name
was made to lead here (DNS rebinding). The token keeps out the other users of this machine: it comes
in the address once, as Jupyter's does, and is then a cookie that no script reads.
"""

from __future__ import annotations

import re
from secrets import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NAMES = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
"""Any port: one may be forwarded here by ssh."""
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of what is no page."""


class Gate:
    """Stands before the application; what it does not let through is told why in a sentence."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._cookie = f"distilbench-view-{port}"  # cookies know no port: several may serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = {**_HEADERS, "content-security-policy": STRICT}
                message["headers"] = [
                    *message["headers"],
                    *((n.encode(), v.encode()) for n, v in more.items() if n.encode() not in given),
                ]
            await send(message)

        if scope["type"] != "http":
            return
        answer = self._refused(scope) or self._welcomed(scope) or self._app
        await answer(scope, receive, guarded)

    def _refused(self, scope: Scope) -> Response | None:
        from starlette.responses import PlainTextResponse

        names = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(names) != 1 or not _NAMES.fullmatch(names[0]):
            return PlainTextResponse("ask 127.0.0.1 or localhost, by that name", 403)
        if scope["method"] != "GET":
            said = "nothing can be changed here: only GET is answered"
            return PlainTextResponse(said, 405, {"allow": "GET"})
        return None

    def _welcomed(self, scope: Scope) -> Response | None:
        """Null for who has the cookie; who has the token is given it."""
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse, RedirectResponse

        request = Request(scope)
        if self._is_token(request.cookies.get(self._cookie, "")):
            return None
        words = parse_qsl(request.url.query, keep_blank_values=True)
        if not self._is_token(dict(words).get("token", "")):
            said = "open the address that 'distilbench view' printed, with its token"
            return PlainTextResponse(said, 403)
        rest = urlencode([(name, value) for name, value in words if name != "token"])
        # Relative to this server whatever the path is: '//host' would lead to another.
        path = "/" + request.url.path.lstrip("/\\")
        answer = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
        return answer

    def _is_token(self, given: str) -> bool:
        return compare_digest(given.encode(), self._token.encode())
