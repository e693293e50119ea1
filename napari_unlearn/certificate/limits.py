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
        "Behaviour was tested, not the inside of the model. A model that answers like one that "
        "never saw the data may still hold traces that no test here looks for."
    )
    counts = [entry for entry in sets if entry.name in tests and entry.at_hand]
    patients = sum(entry.patients for entry in counts)
    yield (
        f"The tests saw {sum(entry.samples for entry in counts)} images of {patients} patients. "
        "What holds for them need not hold for everybody, nor for other scanners."
    )
    if not audited:
        yield (
            "Nobody tried to attack the model for this certificate, so that nothing is said of "
            "how well it keeps secrets."
        )
    yield (
        "The model of before still exists wherever copies of its file do, and so do the scans. "
        "Forgetting in one model deletes neither; both have to be deleted where they lie."
    )
    if family.oracle is None:
        yield (
            "There is no model that was trained without the data (no oracle), so that nobody "
            "knows what forgetting should look like here."
        )
    else:
        yield (
            "Likeness is measured with one model trained without the data. A second such model, "
            "trained from other random numbers, would differ from the first one as well."
        )
    if not confirmed:
        yield (
            "The record of the run could not confirm, by hash, that it forgot exactly the scans "
            "listed here."
        )
    gone = [entry.name for entry in sets if not entry.at_hand]
    if gone:
        yield (
            f"The files of the set{'s' if len(gone) > 1 else ''} {' and '.join(gone)} were not at "
            "hand; their number is taken from the model's own record."
        )
    yield (
        "The certificate carries no signature. Whoever holds all files can write another one, "
        "and another ledger. It can be trusted as far as its fingerprint is kept somewhere else "
        "too."
    )
    if not identified:
        yield (
            "Scans and people are called by pseudonyms. Whoever holds a scan, or the key of the "
            "site that wrote this, can recognise it."
        )
    yield "This is research software: not a medical device, not for diagnosis, no legal advice."
