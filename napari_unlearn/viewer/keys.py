"""Everything by keyboard: one table, from which keys are bound, explained and documented."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.key_bindings import coerce_keybinding

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.drawing import Tool
from napari_unlearn.viewer.drawn_layer import Drawn

if TYPE_CHECKING:
    from napari import Viewer

    from napari_unlearn.viewer.compare import CompareDock

_RATE = 1.25  # factor between two rates of the flicker
_EDGE = 0.05  # share of the columns that the wipe moves
_WINDOW = 0.9  # factor between two upper grey limits
_THRESHOLD = 10  # steps of the slider: half a per cent of the maximum
_LAMBDA = 10  # steps of the slider: a tenth of a decade


@dataclass(frozen=True)
class Key:
    """What a key does. None of these is taken by napari for images or shapes."""

    press: str
    """As napari spells it."""
    does: str
    act: "Callable[[CompareDock], object] | None"
    """None: napari itself does it."""

    @property
    def title(self) -> str:
        """As a reader spells it."""
        return self.press.replace("-", " + ") if len(self.press) > 1 else self.press


def _tool(tool: Tool) -> "Callable[[CompareDock], object]":
    return lambda dock: dock.session.drawing.take(tool)


KEYS: dict[str, tuple[Key, ...]] = {
    "Two pictures in one tile": (
        Key(
            "Q", "flicker, and back to the tiles", lambda dock: dock.session.pair.toggle("flicker")
        ),
        Key("W", "wipe, and back", lambda dock: dock.session.pair.toggle("wipe")),
        Key("U", "difference A − B, and back", lambda dock: dock.session.pair.toggle("difference")),
        Key("H", "the tiles", lambda dock: dock.session.pair.leave()),
        Key("[", "slower flicker; edge of the wipe to the left", lambda dock: _less(dock, 1)),
        Key("]", "faster flicker; edge of the wipe to the right", lambda dock: _less(dock, -1)),
        Key("M", "exchange A and B", lambda dock: dock.session.pair.exchange()),
        Key("N", "next picture as B", lambda dock: _next(dock, second=True)),
        Key("Shift-N", "next picture as A", lambda dock: _next(dock, second=False)),
    ),
    "Draw": (
        Key("G", "region, freehand; again: put the tool down", _tool("freehand")),
        Key("Shift-G", "region, corner by corner", _tool("polygon")),
        Key("J", "region, ellipse", _tool("ellipse")),
        Key("Shift-J", "region, box", _tool("rectangle")),
        Key("Shift-B", "region, a box around the finding last seen", lambda dock: _box(dock)),
        Key("K", "line, for its intensity profile", _tool("line")),
        Key("S", "select and move drawings", None),
        Key("Delete", "remove the selected drawings", None),
        Key(
            "Shift-Delete",
            "remove the last drawing",
            lambda dock: dock.session.drawing.remove_last(),
        ),
        Key("Control-C", "copy the selected drawings", None),
        Key("Control-V", "paste them on the slice in view", None),
    ),
    "Look": (
        Key("Left", "slice before", None),
        Key("Right", "slice after", None),
        Key(".", "next finding", lambda dock: dock.findings.regions.step(1)),
        Key(",", "finding before", lambda dock: dock.findings.regions.step(-1)),
        Key("Home", "whole image", lambda dock: dock.session.tiles.fit()),
        Key("=", "brighter, all pictures at once", lambda dock: _brighten(dock, _WINDOW)),
        Key("-", "darker", lambda dock: _brighten(dock, 1 / _WINDOW)),
        Key("Shift-O", "outlines on or off", lambda dock: dock.findings.outlines.toggle()),
        Key("PageUp", "highlight fewer errors", lambda dock: _threshold(dock, _THRESHOLD)),
        Key("PageDown", "highlight more errors", lambda dock: _threshold(dock, -_THRESHOLD)),
        Key("Shift-M", "next map that can be had", lambda dock: dock.findings.maps.mode.step(1)),
        Key("Shift-PageUp", "larger λ", lambda dock: dock.findings.maps.move_lambda(_LAMBDA)),
        Key("Shift-PageDown", "smaller λ", lambda dock: dock.findings.maps.move_lambda(-_LAMBDA)),
        Key(
            "Shift-S",
            "figures of this slice or of all",
            lambda dock: dock.findings.by_slice.toggle(),
        ),
    ),
    "Run": (
        Key("Shift-R", "run all models", lambda dock: dock.session.compare()),
        Key("Up", "more acceleration, all models again", lambda dock: _accelerate(dock, 1)),
        Key("Down", "less acceleration", lambda dock: _accelerate(dock, -1)),
        Key("Shift-Up", "wider fully sampled centre", lambda dock: _centre(dock, 1)),
        Key("Shift-Down", "narrower centre", lambda dock: _centre(dock, -1)),
        Key("Shift-C", "cancel", lambda dock: dock.session.jobs.cancel()),
        Key(
            "Shift-U",
            "unlearn live, if the scan offers it",
            lambda dock: dock.session.unlearn_live(),
        ),
        Key("Shift-T", "findings or tools of the dock", lambda dock: dock.turn_page()),
        Key("F1", "these keys, and away with them", lambda dock: dock.help.toggle()),
        Key("/", "the same", lambda dock: dock.help.toggle()),
    ),
}
"""By group, in the order of the overlay."""


def bind(
    viewer: "Viewer", dock: "CompareDock", run: "Callable[[Callable[[], object]], None]"
) -> None:
    """Bind all keys of the table to a viewer; a dock opened later takes them over.

    Args:
        viewer: Gets the keys wherever its window has the focus, but in text fields.
        dock: What they act on.
        run: Calls an action and shows a user's mistake as a sentence.
    """
    bound = {}
    for key in (key for group in KEYS.values() for key in group):
        if key.act is not None:
            bound[key.press] = _bound(key.act, dock, run)
            viewer.bind_key(key.press, bound[key.press], overwrite=True)

    def release() -> None:
        """Let go, but of nothing that another dock has bound since."""
        for press, function in bound.items():
            if viewer.keymap.get(coerce_keybinding(press)) is function:
                viewer.bind_key(press, None)

    dock.destroyed.connect(release)


def _bound(
    act: "Callable[[CompareDock], object]",
    dock: "CompareDock",
    run: "Callable[[Callable[[], object]], None]",
) -> "Callable[[object], None]":
    return lambda _viewer: run(lambda: act(dock))


def _box(dock: "CompareDock") -> None:
    found = dock.findings.regions.seen
    if found is None:
        raise UnlearnError("No finding has been seen yet; '.' goes to the first.")
    top, left, bottom, right = (edge - 0.5 for edge in found.box)  # pixels reach half a side out
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    vertices = np.array([(found.slice, *corner) for corner in corners], float)
    dock.session.drawing.add(Drawn(vertices, "rectangle"))


def _less(dock: "CompareDock", sign: int) -> None:
    pair = dock.session.pair
    if pair.mode == "wipe":
        pair.wipe.move(pair.wipe.edge - sign * _EDGE)
    else:
        dock.looking.pair.set_rate(pair.flicker.rate * _RATE**-sign)


def _next(dock: "CompareDock", *, second: bool) -> None:
    panel = dock.looking.pair
    box = panel.second if second else panel.first
    if box.count():
        names = [box.itemText(place) for place in range(box.count())]
        chosen = names[(box.currentIndex() + 1) % len(names)]
        first, other = panel.first.currentText(), panel.second.currentText()
        dock.session.pair.choose(*((first, chosen) if second else (chosen, other)))


def _brighten(dock: "CompareDock", factor: float) -> None:
    """Move the upper grey limit of all pictures, which are linked."""
    pair, tiles = dock.session.pair, dock.session.tiles.upper
    layer = pair.layer if pair.layer is not None else tiles[0].image if tiles else None
    if layer is not None:
        low, high = layer.contrast_limits
        layer.contrast_limits = (low, low + (high - low) * factor)


def _accelerate(dock: "CompareDock", by: int) -> None:
    slider = dock.looking.sampling.acceleration
    if slider.isEnabled():
        slider.setValue(slider.value() + by)


def _centre(dock: "CompareDock", by: int) -> None:
    slider = dock.looking.sampling.fraction
    if slider.isEnabled():
        slider.setValue(slider.value() + by)


def _threshold(dock: "CompareDock", steps: int) -> None:
    slider = dock.findings.threshold
    if slider.isEnabled():
        slider.setValue(slider.value() + steps)
