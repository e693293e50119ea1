"""Choose the map that is highlighted, lambda, and the rule that finds the threshold."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.hallucination import find_mode
from napari_unlearn.evaluation.highlights import BY_HAND
from napari_unlearn.viewer.choice_box import ChoiceBox
from napari_unlearn.viewer.lambda_slider import LambdaSlider
from napari_unlearn.viewer.map_choice import (
    Choice,
    map_choices,
    rule_choices,
    rule_of,
    shares_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unlearn.viewer.session import Session

_MERGE = 20  # milliseconds: the many values of a drag become one redraw
_HAND = Choice("hand", "by hand", "Chosen with the slider", available=False)


class MapPanel(QWidget):
    """Thin face of a session's `MapView`; every field follows the session, not the click."""

    failed = Signal(str)
    """One sentence."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._maps = session, session.maps
        self.mode = ChoiceBox()
        self.slider = LambdaSlider()
        self.value = QLabel()
        self.automatic = QPushButton("auto")
        self.automatic.setStyleSheet("padding: 2px 4px;")
        self.shares = QLabel()
        self.shares.setWordWrap(True)
        self.shares.setToolTip(
            "Share of each map's energy that lambda leaves in the null space of the measurement"
        )
        self.rule = ChoiceBox()
        """Stands beside the threshold, in `Findings`."""
        self.rule.setFixedWidth(96)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.setColumnStretch(1, 1)
        grid.addWidget(QLabel("Map"), 0, 0)
        grid.addWidget(self.mode, 0, 1, 1, 3)
        grid.addWidget(QLabel("λ"), 1, 0, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self.slider, 1, 1)
        grid.addWidget(self.value, 1, 2)
        grid.addWidget(self.automatic, 1, 3)
        grid.addWidget(self.shares, 2, 0, 1, 4)
        grid.setColumnMinimumWidth(2, 48)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_MERGE)
        self._later.timeout.connect(self._on_rest)
        self.mode.currentIndexChanged.connect(self._on_mode)
        self.rule.currentIndexChanged.connect(self._on_rule)
        self.slider.valueChanged.connect(self._on_slider)
        self.automatic.clicked.connect(self._on_automatic)
        session.changed.connect(self._show)
        session.compared.connect(self._show)
        session.maps.changed.connect(self._show)
        self._show()

    def move_lambda(self, steps: int) -> None:
        """Move the slider, as a key does."""
        if self.slider.isEnabled():
            self.slider.setValue(self.slider.value() + steps)

    def _show(self, *_: object) -> None:
        session, maps = self._session, self._maps
        settings, comparison = session.settings, session.comparison
        self.mode.offer(map_choices(session.opened, session.models), settings.mode)
        self._show_rule()
        looks = maps.looks
        self.slider.setEnabled(looks is not None and not session.jobs.running)
        self.slider.setToolTip(self._about_lambda())
        self.automatic.setEnabled(settings.lam is not None)
        if not self._later.isActive():  # else a hand is on it
            self.slider.show_lambda(maps.lam, None if looks is None else looks.lam)
            self.value.setText("" if maps.lam is None else f"{maps.lam:.2g}")
        words = ""
        if looks is not None and comparison is not None and maps.lam is not None:
            names = [arm.name for arm in comparison.arms]
            words = shares_words(names, looks.null_shares(maps.lam))
        elif maps.waiting:
            words = f"Slice {maps.index} is being made ready for other λ …"
        self.shares.setText(words)
        self.shares.setVisible(bool(words))

    def _show_rule(self) -> None:
        comparison, settings = self._session.comparison, self._session.settings
        choices, chosen = rule_choices(settings.mode), rule_of(settings.mode, settings.rule)
        if comparison is not None and comparison.threshold_from == BY_HAND:
            choices, chosen = (*choices, _HAND), _HAND.name
        self.rule.offer(choices, chosen)

    def _about_lambda(self) -> str:
        mode = find_mode(self._session.settings.mode)
        if not mode.uses_lambda:
            return f"Lambda does not enter the {mode.title}"
        looks = self._maps.looks
        if looks is None:
            return "Lambda can be moved once the slice in view has been made ready"
        return (
            f"What counts as unmeasured: (noise / signal)², {looks.lam:.2g} by the data of this "
            "slice (▲). Slices follow when they come into view; Run makes all of them."
        )

    def _try(self, action: "Callable[[], None]") -> None:
        try:
            action()
        except UnlearnError as error:
            self.failed.emit(str(error))
        self._show()

    def _on_mode(self) -> None:
        name = self.mode.currentData()
        self._try(lambda: self._maps.choose(name))

    def _on_rule(self) -> None:
        name = self.rule.currentData()
        if name != _HAND.name:
            self._try(lambda: self._maps.choose_rule(name))

    def _on_slider(self, _step: int) -> None:
        self.value.setText(f"{self.slider.lam:.2g}")
        self._later.start()

    def _on_rest(self) -> None:
        lam = self.slider.lam
        self._try(lambda: self._maps.set_lambda(lam))

    def _on_automatic(self) -> None:
        self._later.stop()
        self._try(lambda: self._maps.set_lambda(None))
