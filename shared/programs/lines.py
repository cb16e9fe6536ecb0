"""Which lines of a bill something is for."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.events.fields import Identifier
from shared.programs.fields import PackPart

Names = Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=200)]


class Lines(PackPart):
    """Lines that match every list that is written: by SKU, category or label (one of a line's labels is enough)."""

    skus: Names | None = None
    categories: Names | None = None
    labels: Names | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.skus is None and self.categories is None and self.labels is None:
            raise ValueError("say at least one of skus, categories, labels; leave lines out to mean all of them")
        return self
