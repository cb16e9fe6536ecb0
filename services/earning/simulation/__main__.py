"""The process: one question in, progress and one answer out. What it has to say otherwise goes to standard error."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from aiokafka.errors import KafkaError

from services.earning.simulation.course import simulate
from services.earning.simulation.question import Question
from shared.runtime.dead_letter_limit import NearlyEverythingBadError

_OFTEN_SECONDS = 0.2


def main() -> None:
    """Exit code 0 with an answer, 1 with a trouble that is told in one sentence."""
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what others print must not stand among the answers
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(30), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    question = Question.model_validate_json(sys.stdin.buffer.read())
    last_told = 0.0

    def tell(line: Mapping[str, Any]) -> None:
        told.write(orjson.dumps(line) + b"\n")
        told.flush()

    def progress(read: int, total: int, records: int) -> None:
        nonlocal last_told
        if time.monotonic() - last_told >= _OFTEN_SECONDS:
            last_told = time.monotonic()
            tell({"read": read, "total": total, "records": records})

    try:
        tell({"answer": asyncio.run(simulate(question, progress))})
    except NearlyEverythingBadError as error:
        tell({"trouble": "TRAFFIC_UNREADABLE", "sentence": str(error)})
        sys.exit(1)
    except (KafkaError, OSError) as error:
        tell({"trouble": "TRAFFIC_UNREACHABLE", "sentence": f"The traffic could not be read: {error}."})
        sys.exit(1)


if __name__ == "__main__":
    main()
