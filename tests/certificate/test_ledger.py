"""The ledger: a chain that shows every change, and survives a kill."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from napari_unlearn.certificate.content import LedgerEntry, RequestEntry
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.certificate.ledger import FIRST, append, read_ledger


def entry(number, run="nl-ft"):
    return LedgerEntry(
        number=0,
        time="2026-05-31T10:00:00+00:00",
        request=RequestEntry(requester="a patient", reason=f"request {number}"),
        forgotten=(f"scan-{number}",),
        forgotten_sha256=("0" * 64,),
        run=run,
        strategy="nl-ft",
        child=f"{number:064x}",
        parent="1" * 64,
        previous="",
    )


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for number in range(3):
        append(path, entry(number))
    return path


def test_every_entry_holds_the_hash_of_the_one_before(ledger):
    first, second, third = read_ledger(ledger)
    assert first.previous == FIRST
    assert (second.previous, third.previous) == (first.hash, second.hash)
    assert [each.number for each in (first, second, third)] == [1, 2, 3]


def test_the_same_request_is_noted_once(ledger):
    before = ledger.read_bytes()
    again = append(ledger, entry(1).model_copy(update={"time": "2027-01-01T00:00:00+00:00"}))
    assert again.number == 2
    assert ledger.read_bytes() == before


def change(lines):
    table = json.loads(lines[1])
    table["request"]["reason"] = "something else"
    lines[1] = json.dumps(table)


def change_with_hash(lines):
    """Whoever changes an entry and its own hash still breaks the next one."""
    from napari_unlearn.certificate.ledger import hash_of

    old = LedgerEntry.model_validate_json(lines[1])
    new = old.model_copy(update={"run": "another"})
    lines[1] = new.model_copy(update={"hash": hash_of(new)}).model_dump_json()


def swap(lines):
    lines[0], lines[1] = lines[1], lines[0]


def take_out(lines):
    del lines[0]


def scribble(lines):
    lines[0] = "not JSON"


@pytest.mark.parametrize("tamper", [change, change_with_hash, swap, take_out, scribble])
def test_tampering_is_told_with_its_line_and_stops_further_entries(ledger, tamper):
    lines = ledger.read_text().splitlines()
    tamper(lines)
    ledger.write_text("\n".join(lines) + "\n")
    with pytest.raises(CertificateError, match=r"line [123]"):
        read_ledger(ledger)
    with pytest.raises(CertificateError, match=r"line [123]"):
        append(ledger, entry(7))


def test_a_line_torn_by_a_kill_is_taken_off_by_the_next_writer(ledger):
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + b'{"number": 4, "ti')
    assert len(read_ledger(ledger)) == 3
    append(ledger, entry(9))
    assert ledger.read_bytes().startswith(whole)
    assert [each.number for each in read_ledger(ledger)] == [1, 2, 3, 4]


WRITER = """
import sys
from pathlib import Path
from napari_unlearn.certificate.ledger import append
from tests.certificate.test_ledger import entry
for number in range(int(sys.argv[2]), 100_000):
    append(Path(sys.argv[1]), entry(number))
    print(number, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is of POSIX")
def test_kill_9_loses_no_entry_that_was_acknowledged(tmp_path):
    path, told = tmp_path / "ledger.jsonl", 0
    for turn in range(3):
        command = [sys.executable, "-c", WRITER, str(path), str(1000 * turn)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(5)]
        time.sleep(0.01 * turn)
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.read().splitlines()
        child.wait()
        child.stdout.close()
        acknowledged = [line for line in lines if line.strip()]
        told += len(acknowledged)
        found = read_ledger(path)
        assert len(found) >= told
        told = len(found)
    assert told >= 15
