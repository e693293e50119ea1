"""The search for responsible training slices of one viewer, under way or answered."""

import logging
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from qtpy.QtCore import QObject, Signal

from napari_unlearn.evaluation.responsibility import Asked
from napari_unlearn.runs.background import in_child
from napari_unlearn.viewer.progress import Progress
from napari_unlearn.viewer.responsible_tasks import Answer, Question, asking
from napari_unlearn.viewer.worker import Jobs, sentence

if TYPE_CHECKING:
    from napari_unlearn.viewer.session import Session


_log = logging.getLogger(__name__)


class Inquiry(QObject):
    """Belongs to a session: closing the dock loses neither the search nor its answer."""

    changed = Signal()
    """Never; what a `RunPanel` listens to."""
    progressed = Signal(object)
    """`Progress`"""
    said = Signal(str)
    """A remark in one sentence."""
    answered = Signal(object)
    """`Answer`"""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = Jobs()
        self.offer = None
        """Nothing is unlearned from this dock."""
        self.answer: Answer | None = None
        self.jobs.yielded.connect(self._on_event)

    @property
    def busy(self) -> bool:
        """Whether a thread is at work."""
        return self.jobs.running

    def ask(self, question: Question, device_name: str = "this machine") -> None:
        """Search in a process of its own.

        Raises:
            UnlearnError: Another search is under way.
        """
        work = partial(in_child, partial(asking, question))
        self.jobs.start("Asking the training slices", work, device_name)

    def _on_event(self, event: Asked | Answer) -> None:
        try:
            self._show_event(event)
        except Exception as error:  # a slot that raises would leave the job without an end
            _log.exception("An event could not be shown")
            self.jobs.abort(sentence(error, "this machine"))

    def _show_event(self, event: Asked | Answer) -> None:
        if isinstance(event, Asked):
            self.progressed.emit(Progress(event.done, event.total, event.seconds_left))
            return
        self.answer = event
        self.answered.emit(event)
        self.said.emit(event.found.sentence)


_inquiries: "WeakKeyDictionary[Session, Inquiry]" = WeakKeyDictionary()


def inquiry_of(session: "Session") -> Inquiry:
    """Find the search of a session, or begin with none."""
    if session not in _inquiries:
        _inquiries[session] = Inquiry()
    return _inquiries[session]
