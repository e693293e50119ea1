"""The one family of errors that a user can cause and should read."""


def printable(text: str) -> str:
    """The text on one line, with escapes for what cannot be seen, colours a terminal or turns text.

    A text that is fine already stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


_IN_PLAIN_WORDS: dict[type[BaseException], str] = {
    MemoryError: "it needs more memory than there is",
    RecursionError: "it is nested too deeply",
    UnicodeDecodeError: "it is no text in UTF-8",
    TypeError: "a value is of another kind than expected",
    AttributeError: "a value is of another kind than expected",
    IndexError: "something is missing in it",
}
_SAID_PLAINLY = {
    "Exceeds the limit": "it has a number of thousands of digits",
    "Invalid JSON: recursion": "it is nested too deeply",
    "invalid literal for int": "a whole number is expected",
    "could not convert string to float": "a number is expected",
    "int too large to convert": "a number is too large",
    "setting an array element with a sequence": "lists of one length are expected",
    "Error while deserializing header: invalid JSON in header: recursion": "its header is nested "
    "too deeply",
}


def reason(error: BaseException, most: int = 160) -> str:
    """What an exception of another library says, fit for the middle of a sentence."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, KeyError) and error.args:
        said = str(error.args[0])
        said = said if " " in said else f"'{said}' is missing or unknown"
    for kind, words in _IN_PLAIN_WORDS.items():
        if isinstance(error, kind):
            said = words
    for start, words in _SAID_PLAINLY.items():
        if said.startswith(start):
            said = words
    line = printable(said.splitlines()[0]).strip().rstrip(".")
    return shortened(line or type(error).__name__, most)


def shortened(text: object, most: int = 60) -> str:
    """A name or value from a file on one line, cut off where it becomes too long to read."""
    line = printable(str(text))
    return line if len(line) <= most else f"{line[: most - 3]}..."


class UnlearnError(Exception):
    """A mistake in the user's input: one sentence saying what, where, what is accepted.

    The command line and the window catch this type and show its text. Anything else
    is a bug of ours. What a file brings into the sentence (names, keys, values) stays on
    its one line: characters that are none to look at are shown as escapes.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(printable(text))


class WrongUse(UnlearnError):
    """The request itself is wrong, e.g. an experiment file's key: exit code 2, not 1."""


class Cancelled(UnlearnError):
    """The user asked to stop; nothing is wrong."""
