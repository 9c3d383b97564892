"""Structured logs: one line a request, with ids, never content.

The redaction processor is the last line of defence, not the first: it drops fields
whose name says that they hold content or a secret, and keeps exceptions to their type
and place, because an exception's text may quote what a person wrote.
"""

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from functools import lru_cache
from types import TracebackType
from typing import Any, Literal, cast

if "rich" not in sys.modules:
    # structlog would load it wherever some other package brought it along, and hold four megabytes for what we never let
    # it do: its tracebacks print local variables.
    sys.modules["rich"] = cast("Any", None)
    import structlog

    del sys.modules["rich"]
else:
    import structlog

_FORBIDDEN = ("password", "secret", "token", "cookie", "content", "text", "question", "answer", "email", "name")
_PLAIN = frozenset(
    {
        "prompt_tokens", "answer_tokens", "logger_name", "event_name", "gen_ai.operation.name", "gen_ai.provider.name",
        "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
    }
)  # fmt: skip


_PROCESSORS: list[structlog.typing.Processor] = []
"""One list for good: a logger keeps the one it was first used with, whatever is configured after it."""


def configure(*, format: Literal["json", "console"] = "json", level: str = "INFO") -> None:  # noqa: A002 - the setting's own name
    """Send all logs, ours and the libraries', to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        exceptions_by_place,
        redact,
    ]
    final: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if format == "json"
        # Named, since another package's presence would choose a formatter that prints local variables.
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    _PROCESSORS[:] = [*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final],
        )
    )
    # No line says from where in a program it was written: https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - as that page has it
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Python's own would print what the exception quotes.
    sys.excepthook = _log_uncaught
    threading.excepthook = sys.unraisablehook = _log_broken
    for noisy in ("sqlalchemy", "procrastinate", "alembic", "httpx2", "httpcore2"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def logger(room: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a room.

    Lazy on purpose: bound at import it would keep structlog's own default, which prints local variables.
    """
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(room=room))


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every field whose name says content or secret."""
    for field in event:
        if _is_forbidden(field):
            event[field] = "[redacted]"
    return event


@lru_cache(maxsize=1024)
def _is_forbidden(field: str) -> bool:
    return field not in _PLAIN and any(word in field.lower() for word in _FORBIDDEN)


def exceptions_by_place(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Turn exc_info into types and source lines, without the message and without local values."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["exception"] = " <- ".join(_chain(error))
        frames = traceback.extract_tb(error.__traceback__)
        event["at"] = " > ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames[-6:])
    return event


def _log_uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    structlog.get_logger().error("ended", exc_info=error)


def _log_broken(what: "threading.ExceptHookArgs | sys.UnraisableHookArgs") -> None:
    structlog.get_logger().error("broke_off", exc_info=what.exc_value)


def _chain(error: BaseException) -> list[str]:
    names = [type(error).__name__]
    while (cause := error.__cause__ or error.__context__) is not None and len(names) < 5:  # noqa: PLR2004 - enough to see the root
        names.append(type(cause).__name__)
        error = cause
    return names
