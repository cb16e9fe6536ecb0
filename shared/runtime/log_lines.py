"""How logs look: a JSON line per happening on standard error, with event ids and never with personal data.

So an error is told without what its own words would quote: the row that broke a constraint, the value of an argument.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import asyncpg
import structlog
from pydantic import ValidationError

_LONGEST = 500  # characters of one error's sentence
_DATA_EXCEPTIONS = "22"  # class of SQLSTATE whose messages quote the value; asyncpg uses it for arguments, too


def configure_logging(level: str) -> None:
    """Ours from `level` on; those of libraries from warnings on, for they do not know what is personal."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            _tell_error,
            structlog.processors.ExceptionRenderer(lambda info: traced(info[1])),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    libraries = logging.StreamHandler()
    libraries.setFormatter(_LibraryLine("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[libraries])


def told(error: BaseException) -> str:
    """Its kind and its sentence, of which nothing is a value."""
    return f"{type(error).__name__}: {_sentence(error)[:_LONGEST]}"


def traced(error: BaseException) -> str:
    """Where it was raised and what it says, its causes first, each part of a group after it."""
    led_to = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = "" if led_to is None else f"{traced(led_to)}\n\nwhich led to\n\n"
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    within = "".join(f"\n\nin it\n\n{traced(part)}" for part in parts)
    return f"{before}{''.join(traceback.format_tb(error.__traceback__))}{told(error)}{within}"


def _sentence(error: BaseException) -> str:
    match error:
        case asyncpg.PostgresError():
            state = error.sqlstate or ""
            return f"SQLSTATE {state}" if state.startswith(_DATA_EXCEPTIONS) else str(error.args[0])
        case ValidationError():
            faults = error.errors(include_input=False, include_context=False, include_url=False)
            return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in faults)
    return str(error)


def _tell_error(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if isinstance(error := line.get("error"), BaseException):
        line["error"] = told(error)
    return line


class _LibraryLine(logging.Formatter):
    def formatException(  # noqa: N802 - the standard library's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return "" if ei[1] is None else traced(ei[1])
