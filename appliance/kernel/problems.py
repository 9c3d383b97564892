"""Refusal.kind to status and body: one table (RFC 9457, application/problem+json)."""

from appliance.kernel.errors import Kind, Refusal

STATUS: dict[Kind, int] = {
    Kind.BLOCKED: 403,
    Kind.BROKEN: 500,
    Kind.CONFLICT: 409,
    Kind.FORBIDDEN: 403,
    Kind.GONE: 410,
    Kind.INVALID: 422,
    Kind.MALFORMED: 400,
    Kind.NOT_FOUND: 404,
    Kind.OUTDATED: 412,
    Kind.OVER_LIMIT: 429,
    Kind.TOO_LARGE: 413,
    Kind.UNAUTHENTICATED: 401,
    Kind.UNAVAILABLE: 503,
    Kind.UNSUPPORTED: 415,
}
TITLE: dict[Kind, str] = {
    Kind.BLOCKED: "Blocked",
    Kind.BROKEN: "Does not open",
    Kind.CONFLICT: "Not possible now",
    Kind.FORBIDDEN: "Not allowed",
    Kind.GONE: "Gone for ever",
    Kind.INVALID: "Not valid",
    Kind.MALFORMED: "Not understood",
    Kind.NOT_FOUND: "Not found",
    Kind.OUTDATED: "Changed meanwhile",
    Kind.OVER_LIMIT: "Limit reached",
    Kind.TOO_LARGE: "Too large",
    Kind.UNAUTHENTICATED: "Sign in",
    Kind.UNAVAILABLE: "Not available",
    Kind.UNSUPPORTED: "Not supported",
}


FAULT: dict[int, str] = {
    404: "Not found",
    405: "Not possible",
    413: "Too large",
    500: "Something went wrong on our side",
}


def problem(refusal: Refusal, *, request_id: str) -> dict[str, str | int]:
    """Return the members of the problem document."""
    return {
        "type": "about:blank",
        "title": TITLE[refusal.kind],
        "status": STATUS[refusal.kind],
        "detail": str(refusal),
        "code": refusal.code,
        "request_id": request_id,
    }


def fault(status: int, detail: str, *, request_id: str) -> dict[str, str | int]:
    """Return the problem document of something that is not a refusal."""
    title = FAULT.get(status, "Not possible")
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": request_id}
