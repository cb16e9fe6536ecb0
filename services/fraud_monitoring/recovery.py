"""How the windows' tables are rebuilt after a rebalance, and reading goes on."""

from collections.abc import Awaitable
from typing import Any, cast

import faust
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped

from services.fraud_monitoring.reading import Consumer


class SeekFirst(Recovery):
    """Seeks before it lets partitions be read (Faust does it the other way round), and says when Kafka is too slow."""

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        app, consumer = self.app, cast(Consumer, self.app.consumer)
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        for table in self.tables.values():
            await table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])
        if app.consumer_generation_id != generation_id:
            return  # rebalanced again: the next recovery ends here, too
        if consumer.assignment() and not await consumer.go_on(generation_id):
            return
        # until the flow is on nothing is awaited, so nothing is read in between
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        await cast(faust.App, app)._fetcher.maybe_start()
        self.tables.on_actives_ready()
        if not app.assignor.assigned_standbys():
            self.tables.on_standbys_ready()
        app.on_rebalance_end()

    async def _wait(self, coro: Any, timeout: Any = None) -> None:  # noqa: ASYNC109 - Faust's
        """Raises TimeoutError where Faust would end its recovery in silence, with windows half read."""
        waited: Awaitable[Any] = self.wait_first(coro, self.signal_recovery_start, timeout=timeout)  # type: ignore[arg-type] # an event of asyncio's
        result = await waited
        if self.should_stop or self._crashed.is_set():
            raise ServiceStopped
        if self.signal_recovery_start in result.done:
            raise RebalanceAgain
        if not result.done:
            raise TimeoutError("Kafka did not answer while windows were read again; start fraud_monitoring again.")
