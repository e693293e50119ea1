"""How the tiles of the Segment dock are shown: 2D or 3D, contrast, opacity, outlines."""

from dataclasses import replace

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QWidget,
)

from napari_unlearn.mri.subject3d import STRUCTURE_NAMES
from napari_unlearn.viewer.segment_colours import DISAGREEMENT_COLOURS, OUTERMOST
from napari_unlearn.viewer.segment_result import DISAGREEMENTS
from napari_unlearn.viewer.segmenting import Segmenting

_LEGEND = " &nbsp; ".join(
    f'<span style="color:{DISAGREEMENT_COLOURS[kind]}">■ {name}</span>'
    for kind, name in DISAGREEMENTS.items()
)
_LEGEND += " &nbsp; than the oracle's"
_IN_3D = f"In 3D the {STRUCTURE_NAMES[OUTERMOST]} is left out: it would hide the brain."


class SegmentView(QWidget):
    """Edits the `Look` of a session's tiles."""

    def __init__(self, segmenting: Segmenting, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tiles = segmenting.tiles
        self._segmenting = segmenting
        look = self._tiles.look
        self.flat, self.solid = QPushButton("2D"), QPushButton("3D")
        dimensions = QButtonGroup(self)
        for button in (self.flat, self.solid):
            button.setCheckable(True)
            dimensions.addButton(button)
        self.solid.setToolTip(_IN_3D)
        self.fit = QPushButton("Fit")
        self.fit.setToolTip("Show the tiles again, whole")
        self.contrast = QComboBox()
        self.contrast.setToolTip("Contrast behind the labels")
        self.labels = QCheckBox("Labels")
        self.labels.setChecked(look.labels)
        self.disagreement = QCheckBox("Disagreement")
        self.disagreement.setChecked(look.disagreement)
        self.disagreement.setToolTip(
            "Where a model differs from the oracle; without one from the truth"
        )
        self.legend = QLabel(_LEGEND)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(round(100 * look.opacity))
        self.contour = QSpinBox()
        self.contour.setRange(0, 9)
        self.contour.setValue(look.contour)
        self.contour.setSpecialValueText("filled")
        self.contour.setSuffix(" px")
        self.contour.setToolTip("Outlines of this width instead of filled labels, in 2D")
        self._lay_out()
        self.flat.clicked.connect(self._on_flat)
        self.solid.clicked.connect(self._on_solid)
        self.fit.clicked.connect(self._on_fit)
        self.contrast.currentIndexChanged.connect(self._on_changed)
        for box in (self.labels, self.disagreement):
            box.toggled.connect(self._on_changed)
        self.opacity.valueChanged.connect(self._on_changed)
        self.contour.valueChanged.connect(self._on_changed)
        segmenting.changed.connect(self._show_subject)
        segmenting.turned.connect(self._show_dimensions)
        self._show_subject()
        self._show_dimensions()

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        for widget in (self.flat, self.solid, self.fit, self.contrast):
            first.addWidget(widget, stretch=2 if widget is self.contrast else 1)
        second = QHBoxLayout()
        for field in (self.labels, self.disagreement, self.contour):
            second.addWidget(field)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.addLayout(first, 0, 0, 1, 2)
        grid.addLayout(second, 1, 0, 1, 2)
        grid.addWidget(QLabel("Opacity"), 2, 0)
        grid.addWidget(self.opacity, 2, 1)
        grid.addWidget(self.legend, 3, 0, 1, 2)

    def show_only(self, label: int | None) -> None:
        """Show one structure, where most of it is; None shows all."""
        labelled = self._segmenting.labelled
        self._tiles.apply(replace(self._tiles.look, only=label))
        if label is not None and labelled is not None and not self._tiles.in_3d:
            index = labelled.largest_slice(label)
            if index is not None:
                self._tiles.go_to(index)

    def _show_subject(self) -> None:
        opened = self._segmenting.opened
        channels = () if opened is None else opened.subject.channels
        if [self.contrast.itemText(place) for place in range(self.contrast.count())] != [*channels]:
            self.contrast.blockSignals(True)
            self.contrast.clear()
            self.contrast.addItems(list(channels))
            self.contrast.setCurrentIndex(min(self._tiles.look.contrast, len(channels) - 1))
            self.contrast.blockSignals(False)
        self.contrast.setEnabled(len(channels) > 1)

    def _show_dimensions(self) -> None:
        solid = self._tiles.in_3d
        (self.solid if solid else self.flat).setChecked(True)
        for widget in (self.contrast, self.contour, self.opacity, self.labels):
            widget.setEnabled(not solid)
        if not solid:
            self._show_subject()
        self.legend.setVisible(self.disagreement.isChecked())

    def _on_changed(self, *_: object) -> None:
        self.legend.setVisible(self.disagreement.isChecked())
        self._tiles.apply(
            replace(
                self._tiles.look,
                contrast=max(0, self.contrast.currentIndex()),
                labels=self.labels.isChecked(),
                disagreement=self.disagreement.isChecked(),
                opacity=self.opacity.value() / 100,
                contour=self.contour.value(),
            )
        )

    def _on_flat(self) -> None:
        self._tiles.set_3d(False)

    def _on_solid(self) -> None:
        self._segmenting.show()  # other tiles may have the canvas
        self._tiles.set_3d(True)

    def _on_fit(self) -> None:
        self._segmenting.show()
        self._tiles.fit()
