"""What the audit's answers come to, in a sentence for somebody who has never heard of an attack."""

from collections.abc import Sequence

from napari_unlearn.certificate.content import Answer, AuditEntry, Finding

TRACES = "Does it hold against somebody who tries to find out whose data it had learnt?"

_FAILED = {
    "The forgotten people cannot": "asked about the forgotten people and about strangers, it gives "
    "away which are which",
    "No recognisable damage": "it is worse than a model that never saw the data, and that shows",
    "Losses on them": "its errors on the forgotten people are others than those of a model that "
    "never saw them",
    "What was forgotten has to be": "a little further training brings back what it had forgotten: "
    "it was hidden, not removed",
    "Nor can they by an attacker": "somebody who trains models of his own to compare can tell the "
    "forgotten people from strangers",
    "Nothing more can be drawn": "more can be drawn out of it about the forgotten people than out "
    "of a model that never saw them",
}
"""By how a claim of the audit begins: what it means that the claim is not supported."""


def traces(audit: AuditEntry | None) -> Finding:
    """Whether attacks found anything; None if none were made.

    All claims supported give "supported", one that is not "not supported"; an audit of models
    that have changed since says nothing.
    """
    if audit is not None and audit.outdated:
        return Finding(
            question=TRACES,
            answer="cannot tell",
            sentence=f"Attacks were made{_on(audit)}, but they do not count: {audit.outdated}",
        )
    if audit is None or not audit.findings:
        return Finding(
            question=TRACES,
            answer="cannot tell",
            sentence="Not tested: no attack was made on the model for this certificate.",
        )
    findings = audit.findings
    answer = all_of([finding.answer for finding in findings])
    failed = [_failure(f) for f in findings if f.answer == "not supported"]
    sure = sum(f.answer == "supported" for f in findings)
    told = {
        "supported": "Every attack found as little as it finds in a model that never saw the data.",
        "not supported": _sentence("; ".join(failed)),
        "cannot tell": f"Attacks were made{_on(audit)}. Of {len(findings)} things that should hold "
        f"of a model that forgot, {sure} did, and nobody can tell about the others.",
    }[answer]
    if failed and len(failed) < len(findings):
        told += (
            f" Of the {len(findings)} things that were tried, {len(failed)} found this, {sure} "
            f"found nothing, and {len(findings) - len(failed) - sure} cannot tell."
        )
    return Finding(question=TRACES, answer=answer, sentence=told)


def all_of(answers: Sequence[Answer]) -> Answer:
    """One answer for many: the worst of them."""
    if "not supported" in answers:
        return "not supported"
    return "supported" if answers and set(answers) == {"supported"} else "cannot tell"


def _failure(finding: Finding) -> str:
    for start, meaning in _FAILED.items():
        if finding.question.startswith(start):
            return meaning
    return f"“{finding.question}” does not hold"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _on(audit: AuditEntry) -> str:
    return f" on {audit.made[:10]}" if audit.made else ""
