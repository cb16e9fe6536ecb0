"""Why something earns nothing: an English sentence that remembers its parts, so that it can be told in Chinese too."""

from collections.abc import Mapping
from types import MappingProxyType


class Why(str):
    """Reads as the sentence; `sentence` has {places} that `values` fill."""

    sentence: str
    values: Mapping[str, str]

    def parts(self) -> dict[str, object]:
        """As plain data for JSON."""
        return {"sentence": self.sentence, "values": dict(self.values)}


def why(sentence: str, **values: object) -> Why:
    """The sentence is the id of its Chinese in the operator's translations."""
    told = {name: str(value) for name, value in values.items()}
    reason = Why(sentence.format(**told) if told else sentence)
    reason.sentence, reason.values = sentence, MappingProxyType(told)
    return reason


def parts_of(reason: str | None) -> dict[str, object] | None:
    """Of a reason made by `why`, or of a plain one."""
    if reason is None:
        return None
    return reason.parts() if isinstance(reason, Why) else {"sentence": reason, "values": {}}
