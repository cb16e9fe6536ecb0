"""The AsyncAPI 3.0 document of all topics and events, from the catalogue and topics.yaml."""

import inspect
from typing import Any, Final

from shared.events.catalogue import EVENT_TYPES
from shared.events.event import EventData
from shared.events.integrity import MAX_MESSAGE_BYTES
from shared.events.json_schemas import data_schema, short_name
from shared.events.kafka_binding import CONTENT_TYPE
from shared.events.topics import Topic, built_services, load_dead_letter_topics, load_topics

_KEYS: Final = {
    "program/member": "<program_id>/<member_id>; an anonymous receipt: <program_id>/<receipt_id>",
    "program/invitee": "<program_id>/<invitee_id>",
    "program/version": "<program_id>/<version>",
}


def asyncapi_document() -> dict[str, Any]:
    """The whole document; operations are those of the services that are built."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "GreenPoints events",
            "version": "1.0.0",
            "description": (
                "CloudEvents 1.0 on Kafka, structured or binary mode, JSON in UTF-8, at most "
                f"{MAX_MESSAGE_BYTES} bytes. (source, id) is the dedupe key. Unknown data fields are dropped; "
                "a new field is optional; a break is a new .v2 type."
            ),
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {name: _channel(topic) for name, topic in load_topics().items()}
        | {name: _dead_letter_channel(topic) for name, topic in load_dead_letter_topics().items()},
        "operations": _operations(),
        "components": {
            "messages": {short_name(model): _message(model) for model in EVENT_TYPES.values()}
            | {"dead-letter": _dead_letter_message()},
            "schemas": {short_name(model): _schema(model) for model in EVENT_TYPES.values()},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    owned = [EVENT_TYPES[type_] for type_ in topic.types]
    forwarded = [EVENT_TYPES[type_] for type_ in sorted(topic.accepted_types - set(topic.types))]
    description = f"Key: {_KEYS[topic.key]}. Written by {', '.join(topic.producers)}; read by " + (
        ", ".join(topic.consumers) or "whoever audits"
    )
    return {
        "address": topic.name,
        "description": description + ".",
        "messages": {
            short_name(model): {"$ref": f"#/components/messages/{short_name(model)}"} for model in owned + forwarded
        },
        "bindings": _kafka(topic),
    }


def _dead_letter_channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"What {topic.producers[0]} could not apply: the raw record and its failure headers.",
        "messages": {"dead-letter": {"$ref": "#/components/messages/dead-letter"}},
        "bindings": _kafka(topic),
    }


def _kafka(topic: Topic) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "cleanup.policy": [topic.cleanup_policy],
        "retention.ms": topic.retention_ms,
        "max.message.bytes": topic.max_message_bytes,
    }
    return {
        "kafka": {
            "topic": topic.name,
            "partitions": topic.partitions,
            "topicConfiguration": configuration,
            "bindingVersion": "0.5.0",
        }
    }


def _message(model: type[EventData]) -> dict[str, Any]:
    return {
        "name": model.TYPE,
        "title": model.__name__,
        "summary": inspect.cleandoc(model.__doc__ or "").split("\n", 1)[0],
        "contentType": CONTENT_TYPE,
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "time", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", "minLength": 1, "maxLength": 128},
                "source": {"type": "string", "minLength": 1, "maxLength": 256},
                "type": {"const": model.TYPE},
                "subject": {"type": "string", "minLength": 1, "maxLength": 128},
                "time": {"type": "string", "format": "date-time"},
                "partitionkey": {"type": "string"},
                "datacontenttype": {"type": "string"},
                "data": {"$ref": f"#/components/schemas/{short_name(model)}"},
            },
        },
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }


def _schema(model: type[EventData]) -> dict[str, Any]:
    """The data's schema with its references made absolute: `#` is another document here."""
    schema = data_schema(model)
    base = f"#/components/schemas/{short_name(model)}"
    return {key: _rebased(value, base) for key, value in schema.items() if key not in ("$schema", "$id")}


def _rebased(node: Any, base: str) -> Any:
    if isinstance(node, dict):
        return {key: base + value[1:] if key == "$ref" else _rebased(value, base) for key, value in node.items()}
    if isinstance(node, list):
        return [_rebased(item, base) for item in node]
    return node


def _dead_letter_message() -> dict[str, Any]:
    return {
        "name": "dead-letter",
        "title": "DeadLetter",
        "summary": "A record as it came, byte for byte; its headers say where it came from and what was wrong.",
    }


def _operations() -> dict[str, Any]:
    operations = {}
    for topic in load_topics().values():
        for service in built_services():
            if service in topic.producers:
                operations[f"{service}.send.{topic.name}"] = _operation("send", topic)
            if service in topic.consumers:
                operations[f"{service}.receive.{topic.name}"] = _operation("receive", topic)
    for topic in load_dead_letter_topics().values():
        operations[f"{topic.producers[0]}.send.{topic.name}"] = _operation("send", topic)
    return operations


def _operation(action: str, topic: Topic) -> dict[str, Any]:
    pointer = topic.name.replace("~", "~0").replace("/", "~1")
    return {"action": action, "channel": {"$ref": f"#/channels/{pointer}"}}
