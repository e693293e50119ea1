"""The one family of errors that a user can cause and should read."""


class UnlearnError(Exception):
    """A mistake in the user's input: one sentence saying what, where, what is accepted.

    The command line and the window catch this type and show its text. Anything else
    is a bug of ours.
    """


class WrongUse(UnlearnError):
    """The request itself is wrong, e.g. an experiment file's key: exit code 2, not 1."""


class Cancelled(UnlearnError):
    """The user asked to stop; nothing is wrong."""
