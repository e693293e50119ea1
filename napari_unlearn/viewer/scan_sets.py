"""Forget and retain set at a glance: a few slices of scans, or a list of subjects to tick."""

from qtpy.QtCore import Signal
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_unlearn.viewer.proposal import Proposal
from napari_unlearn.viewer.segment_subjects import SubjectList
from napari_unlearn.viewer.studies import THUMBNAILS, ScanSetView, Study
from napari_unlearn.viewer.thumbnail import thumbnail

_SIZE = 42  # side of a thumbnail [pixels]


class ScanSets(QWidget):
    """Two rows of thumbnails, or one list of subjects."""

    changed = Signal()
    """Others are to be forgotten."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.forget, self.retain = _Row("Forget"), _Row("Retain")
        self.subjects = SubjectList()
        self.proposed = _Proposed()
        self._study: Study | None = None
        self._proposal: Proposal | None = None
        self._shown: tuple[QWidget, ...] = ()
        self._parts: dict[str, tuple[QWidget, ...]] = {
            "reconstruction": (self.forget, self.retain),
            "segmentation": (self.subjects,),
        }
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        parts = (self.forget, self.retain, self.proposed, self.subjects)
        for place, part in enumerate(parts):
            grid.addWidget(part, place, 0)
        self.subjects.hide()
        self.proposed.hide()
        self.subjects.changed.connect(self.changed)
        self.proposed.declined.connect(self._on_declined)

    def show_study(self, study: Study) -> None:
        """Show the sets of an experiment, as its file has them."""
        self._study, self._proposal = study, None
        self.proposed.hide()
        self._shown = self._parts[study.task]
        for part in (self.forget, self.retain, self.subjects):
            part.setVisible(part in self._shown)
        if self.subjects in self._shown:
            self.subjects.show_study(study)
        else:
            self.forget.show_set(study.forget)
            self.retain.show_set(study.retain)

    def show_proposal(self, proposal: Proposal) -> None:
        """Show other scans to forget, if they are of this experiment."""
        study = self._study
        if study is None or study.path != proposal.experiment:
            return
        self._proposal = proposal
        self.forget.show_set(proposal.forget)
        self.retain.show_set(study.regrouped(proposal.members).retain)
        self.proposed.show()
        self.changed.emit()

    @property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Subjects or scans of both sets, if they are others than the experiment's."""
        if self.subjects in self._shown:
            return self.subjects.members
        return {} if self._proposal is None else dict(self._proposal.members)

    @property
    def whom(self) -> str:
        """Who is to be forgotten instead of the experiment's forget set, for a run's name."""
        if self.subjects in self._shown:
            return "-".join(self.members.get("forget", ()))
        return "" if self._proposal is None else "proposed"

    @property
    def mistake(self) -> str:
        """Why a run cannot start, in a sentence; empty if it can."""
        return self.subjects.mistake if self.subjects in self._shown else ""

    def _on_declined(self) -> None:
        if self._study is not None:
            self.show_study(self._study)
            self.changed.emit()


class _Proposed(QWidget):
    """Says that the forget set is another than the file's, and takes it back."""

    declined = Signal()

    def __init__(self) -> None:
        super().__init__()
        text = QLabel("A proposed forget set; the oracle was trained without another.")
        text.setWordWrap(True)
        text.setStyleSheet("color: #9AA7B4;")
        self.decline = QPushButton("As in the file")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(text, stretch=1)
        row.addWidget(self.decline)
        self.decline.clicked.connect(self.declined)


class _Row(QWidget):
    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.text = QLabel(f"<b>{title}</b>")
        self.pictures = [QLabel() for _ in range(THUMBNAILS)]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.text, stretch=1)
        for picture in self.pictures:
            picture.setFixedSize(_SIZE, _SIZE)
            row.addWidget(picture)

    def show_set(self, view: ScanSetView) -> None:
        scans = f"{view.scans} scan" + ("" if view.scans == 1 else "s")
        slices = f"{view.slices} slice" + ("" if view.slices == 1 else "s")
        self.text.setText(f"<b>{self._title}</b><br>{scans}<br>{slices}")
        for place, picture in enumerate(self.pictures):
            known = place < len(view.thumbnails)
            picture.setPixmap(thumbnail(view.thumbnails[place], _SIZE) if known else QPixmap())
            picture.setToolTip(view.captions[place] if known else "")
