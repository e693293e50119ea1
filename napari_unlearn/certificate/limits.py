"""What a certificate does not mean, said beside what it means."""

from collections.abc import Iterator, Sequence

from napari_unlearn.certificate.content import SetEntry
from napari_unlearn.certificate.models import Family


def limits_of(
    family: Family,
    sets: Sequence[SetEntry],
    tests: Sequence[str],
    audited: bool,
    confirmed: bool,
    identified: bool,
) -> Iterator[str]:
    """One limit per sentence or two, the weightiest first."""
    yield (
        "Behaviour was tested, not the inside of the model: traces that no test here looks for may "
        "remain."
    )
    counts = [entry for entry in sets if entry.name in tests and entry.at_hand]
    samples = sum(entry.samples for entry in counts)
    units = "volumes" if family.child.card.volumes is not None else "images"
    patients = sum(entry.patients for entry in counts)
    yield (
        f"The tests saw {samples} {units} of {patients} patients; "
        "others, and other scanners, may fare differently."
    )
    if not audited:
        yield "No attack on the model was tried: nothing is said of how well it keeps secrets."
    yield (
        "The old model and the scans still exist wherever copies of them lie; both have to be "
        "deleted there."
    )
    if family.oracle is None:
        yield (
            "There is no model that was trained without the data (no oracle), so that nobody "
            "knows what forgetting should look like here."
        )
    else:
        yield (
            "Likeness is to one model trained without the data; a second one would differ from "
            "the first, too."
        )
    if not confirmed:
        yield "The run's record could not confirm that it forgot exactly the scans listed here."
    gone = [entry.name for entry in sets if not entry.at_hand]
    if gone:
        yield (
            f"The files of the set{'s' if len(gone) > 1 else ''} {' and '.join(gone)} were not at "
            "hand; their number is taken from the model's own record."
        )
    yield (
        "There is no signature: whoever holds all files can write another certificate. Keep its "
        "fingerprint elsewhere."
    )
    if not identified:
        yield "Whoever holds a scan, or the key of the site, can recognise its pseudonym."
    yield "This is research software: not a medical device, not for diagnosis, no legal advice."
