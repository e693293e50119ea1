"""Segmentation results made up of given values: figures that a test can work out by hand."""

from napari_unlearn.evaluation.grid import Cell
from napari_unlearn.evaluation.membership import Membership
from napari_unlearn.evaluation.overlap import StructureScore
from napari_unlearn.evaluation.subject_results import SubjectResult, SubjectScore
from napari_unlearn.evaluation.subject_tables import BY_KEY
from napari_unlearn.models.card import Card


def structure(label, name, dice=0.8, hd95=2.0, volume=3.0, true_volume=4.0):
    return StructureScore(label, name, dice, hd95, volume, true_volume)


def subject(set_name, name, dice, mae=0.05, agreement=None, structures=()):
    return SubjectScore(set_name, name, dice, dice + 0.05, mae, agreement, tuple(structures))


def result(name, subjects, auc=None, **metrics):
    card = Card(architecture="med3d", parameters={}, metrics=metrics)
    pairs = None if auc is None else Membership(("f",), ("n", "m"), ((auc, auc),))
    return SubjectResult(name, card, tuple(subjects), pairs)


def whole(name, retain, forget, unseen=0.6, agreement=0.7, auc=0.5, passes=100.0, mae=0.05):
    """A run with two retain subjects, one forget and one unseen subject."""
    grey = structure(1, "cortical grey matter", forget)
    lesion = structure(4, "white-matter lesions", None, None, 0.5, 0.0)
    return result(
        name,
        [
            subject("retain", "a", retain - 0.02, 0.02),
            subject("retain", "b", retain + 0.02, 0.04),
            subject("forget", "f", forget, mae, agreement, [lesion, grey]),
            subject("unseen_test", "u", unseen),
        ],
        auc,
        passes=passes,
        seconds=passes / 4,
        steps=passes,
    )


def figures(**runs):
    """Figures by run from {measure: values by seed}; everything else was not measured.

    Names are written with _ for - and __ for @.
    """
    seeds = max(len(values) for measures in runs.values() for values in measures.values())
    return {
        name.replace("__", "@").replace("_", "-"): {
            key: [
                None if value is None else Cell(value)
                for value in measures.get(key, [None] * seeds)
            ]
            for key in BY_KEY
        }
        for name, measures in runs.items()
    }
