"""Topics as `topics.yaml` states them, and the dead-letter topics derived from their consumers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

_FILE = Path(__file__).with_name("topics.yaml")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # every process reads this file as it starts
FAILURE_HEADERS_BYTES = 64 * 1024  # a dead letter is its message and more


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `types` are full type names it owns; `accepted_types` adds those it carries forwarded.

    `retention_ms` -1 keeps records for ever; `config` is the broker's topic configuration, complete.
    """

    name: str
    partitions: int
    types: tuple[str, ...]
    key: str
    retention_ms: int
    cleanup_policy: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    max_message_bytes: int
    config: Mapping[str, str] = field(default_factory=dict)
    accepted_types: frozenset[str] = frozenset()
    has_dead_letters: bool = True
    is_inbound: bool = False  # tills and members' systems write here, by the gateway or directly

    @property
    def is_dead_letters(self) -> bool:
        """Whether this is a derived dead-letter topic."""
        return self.key == "as it came"


def full_type(name: str) -> str:
    """`purchase.completed` → `greenpoints.purchase.completed.v1`."""
    return f"greenpoints.{name}.v1"


def dead_letter_topic(topic: str, group: str) -> str:
    """The dead-letter topic of a consumer group (the service's name) on a topic."""
    return f"{topic}.{group}.dlq"


@cache
def _document() -> Mapping[str, Any]:
    document: Mapping[str, Any] = yaml.load(_FILE.read_bytes(), _Loader)  # noqa: S506 - a safe one
    return document


@cache
def built_services() -> tuple[str, ...]:
    """The services that exist; topics of the others exist too, without dead-letter topics."""
    return tuple(_document()["built_services"])


@cache
def load_topics() -> Mapping[str, Topic]:
    """Every topic by name, in the order of `topics.yaml`, without dead-letter topics."""
    document = _document()
    own_types = {
        name: tuple(full_type(short) for short in entry["types"]) for name, entry in document["topics"].items()
    }
    topics = {}
    for name, entry in document["topics"].items():
        accepted = set(own_types[name])
        for origin in entry.get("forwards", ()):
            accepted.update(own_types[origin])
        topics[name] = _topic(name, {**document["defaults"], **entry}, own_types[name], frozenset(accepted))
    return MappingProxyType(topics)


@cache
def load_dead_letter_topics() -> Mapping[str, Topic]:
    """The dead-letter topics of every built consumer, by name."""
    retention_ms = int(_document()["dead_letters"]["retention_ms"])
    topics = {}
    for origin in load_topics().values():
        if not origin.has_dead_letters:
            continue
        for group in origin.consumers:
            if group in built_services():
                name = dead_letter_topic(origin.name, group)
                entry = {
                    "partitions": origin.partitions,
                    "key": "as it came",
                    "retention_ms": retention_ms,
                    "cleanup_policy": "delete",
                    "max_message_bytes": origin.max_message_bytes + FAILURE_HEADERS_BYTES,
                    "producers": [group],
                    "consumers": ["operator"],
                }
                topics[name] = _topic(name, entry, (), frozenset())
    return MappingProxyType(topics)


@cache
def load_internal_topics() -> Mapping[str, Topic]:
    """What services keep in Kafka for themselves, by name: no part of the contract."""
    document = _document()
    topics = {}
    for name, entry in document["internal_topics"].items():
        merged = {**document["defaults"], **document["internal_defaults"], "key": "as its owner says", **entry}
        topics[name] = _topic(name, merged, (), frozenset())
    return MappingProxyType(topics)


def _topic(name: str, entry: Mapping[str, Any], types: tuple[str, ...], accepted: frozenset[str]) -> Topic:
    config = {
        **_document()["defaults"]["config"],
        **entry.get("config", {}),
        "retention.ms": str(entry["retention_ms"]),
        "cleanup.policy": entry["cleanup_policy"],
        "max.message.bytes": str(entry["max_message_bytes"]),
    }
    return Topic(
        name=name,
        partitions=entry["partitions"],
        types=types,
        key=entry["key"],
        retention_ms=entry["retention_ms"],
        cleanup_policy=entry["cleanup_policy"],
        producers=tuple(entry["producers"]),
        consumers=tuple(entry["consumers"]),
        max_message_bytes=entry["max_message_bytes"],
        config=MappingProxyType(config),
        accepted_types=accepted,
        has_dead_letters=entry.get("dead_letters") != "none",
        is_inbound="gateway" in entry["producers"],
    )
