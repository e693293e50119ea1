"""Says what takes the place of errors where a scan has no ground truth."""

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel, QWidget

from napari_unlearn.evaluation.disagreement import shown_instead

if TYPE_CHECKING:
    from napari_unlearn.viewer.session import Session


class Instead(QLabel):
    """Follows the comparison of a session; hidden as long as there is a ground truth."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setWordWrap(True)
        self.setStyleSheet("color: #FFB000;")
        session.compared.connect(self._show)
        session.changed.connect(self._show)
        self._show()

    def _show(self, *_: object) -> None:
        comparison = self._session.comparison
        text = "" if comparison is None else shown_instead(comparison)
        self.setText(text)
        self.setVisible(bool(text))
