"""What a reveal found, below the Read dock: a table, agreement, the plot."""

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap, QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_unlearn.reading.files import figure, interval, within
from napari_unlearn.reading.reveal import Revealed
from napari_unlearn.viewer.reading_room import RevealedStudy
from napari_unlearn.viewer.status_line import status_line
from napari_unlearn.viewer.tables import Table

_COLUMNS = ("Arm", "Question", "Mean", "95 %", "Marked")


class ReadingResult(QWidget):
    """Hidden until there is something to show."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = Table(_COLUMNS)
        self.table.setMinimumHeight(150)
        self.agreement = QLabel()
        self.agreement.setWordWrap(True)
        self.plot = _Plot()
        self.where = status_line()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addWidget(self.agreement)
        column.addWidget(self.plot)
        column.addWidget(self.where)
        self.hide()

    def show_found(self, found: RevealedStudy) -> None:
        """Fill everything."""
        self._fill(found.revealed)
        self.agreement.setText("\n".join(_agreements(found.revealed)))
        self.plot.show_picture(QPixmap(str(found.folder / "scores.png")))
        self.where.setText(f"Written to {found.folder}")
        self.show()

    def _fill(self, revealed: Revealed) -> None:
        self.table.setRowCount(len(revealed.arms))
        for row, arm in enumerate(revealed.arms):
            spread = interval(arm.low, arm.high).strip().strip("[]").replace(", ", "–")
            cells = (arm.arm, arm.question, figure(arm.mean), spread, str(arm.marked))
            for column, text in enumerate(cells):
                self.table.put(row, column, text)


def _agreements(revealed: Revealed) -> list[str]:
    """A line per question and pair of readers."""
    if not revealed.agreement:
        return ["One reader: agreement needs two."]
    return [
        f"{each.question}: {' & '.join(each.readers)}: "
        f"weighted κ {figure(each.kappa)}{within(each.kappa_interval)}, "
        f"ICC(2,1) {figure(each.icc)}{within(each.icc_interval)} "
        f"({each.images} images)"
        for each in revealed.agreement
    ]


class _Plot(QLabel):
    """A picture as wide as the dock."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_picture(self, picture: QPixmap) -> None:
        """Show another one."""
        self._picture = picture
        self._scale()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Follow the dock's width."""
        super().resizeEvent(event)
        self._scale()

    def _scale(self) -> None:
        if not self._picture.isNull():
            smooth = Qt.TransformationMode.SmoothTransformation
            self.setPixmap(self._picture.scaledToWidth(max(self.width(), 100), smooth))
