"""How often a worker asks Kafka for records.

A question names every partition of every topic, some fifty, and costs the client a millisecond however little comes.
Left to itself the client asks again at once for whatever it has nothing of: a twentieth of a worker's time went on
answers that held nothing, at rest and with a backlog alike.
"""

import time
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.protocol.fetch import FetchRequest

# From one question to the next: what comes meanwhile fits into one answer.
_PAUSE_SECONDS = 0.02
# The same where records wait for their slot and none of a partition's were all taken since.
_LONGEST_PAUSE_SECONDS = 0.06
# A question that leaves out no partition may wait for its answer: the first record to come ends it.
_WAIT_FOR_ANY_MILLISECONDS = 200

# The client's: questions, partitions to find the beginning of, seconds to wait, whether to ask who leads, what resumes
_Actions: TypeAlias = tuple[list[Any], dict[int, list[TopicPartition]], float, bool, list[Any]]


def pace(consumer: AIOKafkaConsumer) -> None:
    """Let a started consumer ask less often. The client has no hook for it; its loop asks what to do next here."""
    _Pace(consumer)


class _Pace:
    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._fetcher = consumer._fetcher
        self._cluster = consumer._client.cluster
        self._asked_at = 0.0
        self._waiting_then: set[TopicPartition] = set()
        self._actions, self._ask = self._fetcher._get_actions_per_node, self._fetcher._proc_fetch_request
        self._fetcher._get_actions_per_node, self._fetcher._proc_fetch_request = self._actions_in_time, self._ask_for
        self._fetcher._prefetch_backoff = 0  # else no partition is asked for while another's records wait

    def _actions_in_time(self, assignment: Assignment) -> _Actions:
        """What the client would do now, or nothing but to wait."""
        now = time.monotonic()
        if (pause := self._asked_at + self._pause() - now) > 0:
            return [], {}, pause, False, []
        actions: _Actions = self._actions(assignment)
        if actions[0]:
            self._asked_at, self._waiting_then = now, set(self._fetcher._records)
        return actions

    def _pause(self) -> float:
        waiting = self._fetcher._records.keys()
        return _LONGEST_PAUSE_SECONDS if waiting and self._waiting_then <= waiting else _PAUSE_SECONDS

    async def _ask_for(self, assignment: Assignment, node: int, request: FetchRequest) -> bool:
        asked = sum(len(partitions) for _, partitions in request.topics)
        if asked == sum(self._cluster.leader_for_partition(place) == node for place in assignment.tps):
            request._max_wait_ms = _WAIT_FOR_ANY_MILLISECONDS
        new: bool = await self._ask(assignment, node, request)
        return new
