"""When the flusher counts as busy: while what it sent may still be acknowledged."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.fraud_monitoring import flush
from services.fraud_monitoring.flush import Flusher, Handled
from shared.runtime.postgres import Pool


async def test_who_waits_for_a_silent_kafka_is_no_longer_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledged: list[str] = []
    silent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    sent = [silent]
    nothing_to_store: Pool = None  # type: ignore[assignment]
    flusher = Flusher("fraud_monitoring", nothing_to_store, timedelta(), lambda: [sent.pop()] if sent else [])
    running = asyncio.create_task(flusher.run())
    try:
        await flusher.take(Handled(lambda: acknowledged.append("one"), None))
        await asyncio.sleep(0.01)
        assert flusher.is_busy
        monkeypatch.setattr(flush, "_KAFKA_SILENT_SECONDS", 0)
        assert not flusher.is_busy
        assert not acknowledged
        silent.set_result(None)
        await asyncio.wait_for(flusher.emptied(), 5)
        assert acknowledged == ["one"]
    finally:
        running.cancel()
