"""The one kind of failure an operator is expected to meet: named in one sentence, with a way on."""


class Trouble(Exception):  # noqa: N818 - not every trouble is somebody's error
    """A known failure of the machine or its set-up, never a bug.

    `code` is machine-readable, `sentence` says what is wrong, `way_on` says what to do about it.
    """

    def __init__(self, code: str, sentence: str, way_on: str) -> None:
        super().__init__(f"{sentence} {way_on}")
        self.code = code
        self.sentence = sentence
        self.way_on = way_on
