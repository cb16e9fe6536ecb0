"""Quick readers of the two types that nearly every record has: msgspec checks what pydantic would, thrice as fast.

A twin is made from its model field by field, so there is still one model a type. It passes for its model (`isinstance`
believes `__class__`), has the same fields and writes the same JSON. Whatever it cannot read, or might read otherwise,
is left to the model, which alone refuses; a property test holds the two against each other.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

import msgspec
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BeforeValidator, Strict, StringConstraints, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from shared.events import fields
from shared.events.event import EventData, Part, data_json
from shared.events.fields import parse_timestamp
from shared.events.points_granted import PointsGranted
from shared.events.purchase_completed import PurchaseCompleted

HOT_TYPES: Final[tuple[type[EventData], ...]] = (PurchaseCompleted, PointsGranted)

# With these the whole message is looked through once, so that no text of it needs its own search.
_PRINTABLE: Final = {
    fields.PROGRAM_ID_IN_RUST: "^[^/]*$",
    fields.PRINTABLE_IN_RUST: None,
}
_FORGIVES_NULL: Final = fields.null_means(None).__code__


class QuickReader:
    """Reads one hot type: `twin` stands for its model, `times` are its fields with one, `checks` its validators."""

    def __init__(self, model: type[EventData]) -> None:
        self.model = model
        self.twin = _twin(model)
        self.times = tuple(name for name, field in model.model_fields.items() if _is_timestamp(field))
        validators = model.__pydantic_decorators__.model_validators.values()
        self.checks: tuple[Callable[[Any], object], ...] = tuple(
            cast(Callable[[Any], object], getattr(model, validator.cls_var_name)) for validator in validators
        )
        if any(validator.info.mode != "after" for validator in validators):
            raise TypeError(f"{model.__name__} has a validator that a quick reader cannot run.")

    def read(self, raw: bytes, data: object) -> tuple[EventData, bytes] | None:
        """`data` as the model would read it, and its known JSON; None leaves it to the model.

        `raw` is the whole message, `data` what orjson read of its data; its times are replaced in place.
        """
        if not isinstance(data, dict) or not is_plain(raw):
            return None
        try:
            for name in self.times:
                if data.get(name) is not None:
                    data[name] = parse_timestamp(data[name])
            twin = msgspec.convert(data, self.twin)
            for check in self.checks:
                check(twin)
        except (ValueError, msgspec.ValidationError, PydanticCustomError):
            return None
        data = cast(EventData, twin)
        return data, data_json(data)


@cache
def quick_reader(model: type[EventData]) -> QuickReader | None:
    """The reader of a hot type; None for every other one."""
    return QuickReader(model) if model in HOT_TYPES else None


# JSON itself lets no control below U+0020 into a text unescaped; between texts they are layout.
_UNPRINTABLE: Final = re.compile("[" + fields.UNPRINTABLE_RANGES.replace(r"\u0000-\u001f", "") + "]")


def is_plain(raw: bytes) -> bool:
    """Whether every text in it is surely printable."""
    if b"\\" in raw or b"\x7f" in raw:
        return False
    return raw.isascii() or _UNPRINTABLE.search(raw.decode()) is None


class _Unnamed(tuple[str, ...]):
    """An empty list whose key was not named: one to every reader, but left out alone when it is written.

    So what is written of a message has as many keys as the message, if a till writes out its empty lists.
    """

    __slots__ = ()


_UNNAMED: Final = _Unnamed()


def _twin(model: type[Part]) -> type[msgspec.Struct]:
    constants = {name: getattr(model, name) for name in model.__class_vars__}
    constants["NAMED_EMPTY"] = _named_empty(model)
    return msgspec.defstruct(
        model.__name__,
        [_field(name, field) for name, field in model.model_fields.items()],
        namespace={**constants, "__class__": property(lambda _: model), "__doc__": model.__doc__},
        module=model.__module__,
        frozen=True,
        kw_only=True,
        omit_defaults=True,
        gc=False,  # nothing in it can point back
    )


def _named_empty(model: type[Part]) -> tuple[bytes, ...]:
    """How lists are written that are empty and need no name; in a plain text nothing else looks so."""
    lists = set(_lists(model))
    needless = {name for name, is_needless in lists if is_needless}
    if needless & {name for name, is_needless in lists if not is_needless}:
        raise TypeError(f"{model.__name__} must name a list that another part of it may leave out.")
    return tuple(f',"{name}":[]'.encode() for name in sorted(needless))


def _lists(model: type[Part]) -> Iterator[tuple[str, bool]]:
    """The lists in a model and its parts, and whether each is empty if nobody names it."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is tuple:
            yield field.alias or name, field.default == ()
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, Part):
                yield from _lists(part)


def _field(name: str, field: FieldInfo) -> tuple[str, Any, Any]:
    type_ = _type(field.annotation, field.metadata)
    if field.default_factory is not None:
        raise TypeError(f"Field {name} makes its default, which a quick reader cannot.")
    if field.alias is not None and not field.is_required():
        raise TypeError(f"Field {name} may come under another name unseen; a quick reader knows its alias alone.")
    default = {} if field.is_required() else {"default": _UNNAMED if field.default == () else field.default}
    return name, type_, msgspec.field(name=field.alias, **default)


def _type(annotation: Any, metadata: Sequence[object] = ()) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], (*arguments[1:], *metadata))
    if origin in (Union, UnionType):
        return Union[tuple(_type(argument) for argument in arguments)]  # noqa: UP007 - its members are computed
    if origin is tuple:
        return _constrained(tuple[_type(arguments[0]), ...], metadata)  # type: ignore[misc]
    if isinstance(annotation, type) and issubclass(annotation, Part):
        if any(_is_timestamp(field) for field in annotation.model_fields.values()):
            raise TypeError(f"{annotation.__name__} holds a time, which a quick reader knows on top only.")
        return _twin(annotation)
    if origin is Literal or annotation in (str, int, bool, datetime, NoneType):
        return _constrained(annotation, metadata)
    raise TypeError(f"A quick reader does not know {annotation!r}.")


def _constrained(type_: Any, metadata: Sequence[object]) -> Any:
    limits: dict[str, Any] = {}
    for item in _flat(metadata):
        limits |= _limits(item)
    return Annotated[type_, msgspec.Meta(**limits)] if limits else type_


def _flat(metadata: Sequence[object]) -> list[object]:
    return [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else (item,))]


def _limits(item: object) -> Mapping[str, Any]:
    limits: dict[str, Any] = {}
    match item:
        case StringConstraints(min_length=low, max_length=high, pattern=pattern):
            limits = {"min_length": low, "max_length": high, "pattern": _PRINTABLE.get(str(pattern), pattern)}
        case Ge(ge=least):
            limits = {"ge": least}
        case Le(le=most):
            limits = {"le": most}
        case MinLen(min_length=fewest):
            limits = {"min_length": fewest}
        case MaxLen(max_length=longest):
            limits = {"max_length": longest}
        case BeforeValidator(func=function) if not _is_known(function):
            raise TypeError(f"A quick reader cannot run {function!r}.")
        case Strict() | WithJsonSchema() | BeforeValidator():
            pass
        case _:
            raise TypeError(f"A quick reader does not know the constraint {item!r}.")
    return {name: limit for name, limit in limits.items() if limit is not None}


def _is_known(function: Any) -> bool:
    """Times are read before; a null where a default stands is refused here and read by the model."""
    return function is fields.field_timestamp or function.__code__ is _FORGIVES_NULL


def _is_timestamp(field: FieldInfo) -> bool:
    candidates = (field.annotation, *get_args(field.annotation))
    return any(candidate is datetime or get_args(candidate)[:1] == (datetime,) for candidate in candidates)
