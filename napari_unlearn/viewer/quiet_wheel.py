"""Scrolling a form must not turn the numbers that pass under the pointer."""

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QWidget


class _Deaf(QObject):
    """Lets the wheel turn a field only while it has the focus."""

    def eventFilter(self, field: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Hand the wheel to the form behind the field."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(field, QWidget) and not field.hasFocus():
            event.ignore()
            return True
        return False


def keep_from_wheel(widget: QWidget) -> None:
    """Make the fields in a widget, or the widget itself, need a click before the wheel."""
    fields = [*widget.findChildren(QAbstractSpinBox), *widget.findChildren(QComboBox)]
    for field in [*fields, widget]:
        if isinstance(field, QAbstractSpinBox | QComboBox):
            field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            field.installEventFilter(_Deaf(field))
