"""Forget and retain set at a glance: a few slices of scans, or a list of subjects to tick."""

from qtpy.QtCore import Signal
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

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
        self._shown: tuple[QWidget, ...] = ()
        self._parts: dict[str, tuple[QWidget, ...]] = {
            "reconstruction": (self.forget, self.retain),
            "segmentation": (self.subjects,),
        }
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for place, part in enumerate((self.forget, self.retain, self.subjects)):
            grid.addWidget(part, place, 0)
        self.subjects.hide()
        self.subjects.changed.connect(self.changed)

    def show_study(self, study: Study) -> None:
        """Show the sets of an experiment."""
        self._shown = self._parts[study.task]
        for part in (self.forget, self.retain, self.subjects):
            part.setVisible(part in self._shown)
        if self.subjects in self._shown:
            self.subjects.show_study(study)
        else:
            self.forget.show_set(study.forget)
            self.retain.show_set(study.retain)

    @property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Subjects of retain and forget set, if they are others than the experiment's."""
        return self.subjects.members if self.subjects in self._shown else {}

    @property
    def mistake(self) -> str:
        """Why a run cannot start, in a sentence; empty if it can."""
        return self.subjects.mistake if self.subjects in self._shown else ""


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
