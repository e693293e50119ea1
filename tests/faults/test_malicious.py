"""What a stranger sends does nothing but produce a sentence: no canary sings."""

import io
import json
import os
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.preflight import preflight
from napari_unlearn.io.info import describe
from napari_unlearn.models.adapter_file import load_adapters
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import save_checkpoint
from napari_unlearn.models.convert import convert_fastmri
from napari_unlearn.models.load import load_model
from napari_unlearn.models.registry import build
from napari_unlearn.reading.images import check_images
from napari_unlearn.reading.study import ReadingStudy
from napari_unlearn.settings_file import read_toml
from tests.fuzz.pickles import CALLS, Call
from tests.fuzz.tensors import TINY
from tests.tiny_study import TOML, write_study

HEARD: list[str] = []


def _listen(event, arguments):
    if HEARD and event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "exec"):
        code = arguments[0] if event == "exec" else None
        if event != "exec" or getattr(code, "co_filename", "") == "<string>":
            HEARD.append(f"{event} {arguments!r}")


sys.addaudithook(_listen)


@contextmanager
def nothing_happens(folder):
    """Nothing is executed and no file appears, in the folder or in the working folder."""
    before, here = sorted(folder.rglob("*")), sorted(os.listdir())
    HEARD[:] = ["listening"]
    try:
        yield
        heard = HEARD[1:]
    finally:
        HEARD.clear()
    assert heard == []
    assert sorted(folder.rglob("*")) == before
    assert sorted(os.listdir()) == here


def sentence(caught):
    text = str(caught.value)
    assert text.isprintable()
    assert text.endswith(".")
    return text


def refusal(read, path):
    try:
        read(path)
    except UnlearnError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("how", ["global", "stack", "inst", "pop"])
@pytest.mark.parametrize("archived", [True, False])
def test_a_call_in_a_checkpoint_is_never_made(tmp_path, monkeypatch, how, archived):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.ckpt"
    stream = io.BytesIO()
    torch.save(build("varnet", TINY).state_dict(), stream)
    for call in CALLS:
        content = Call(*call).pickled(2, how)
        if archived:
            with zipfile.ZipFile(stream) as good, zipfile.ZipFile(path, "w") as bad:
                for entry in good.infolist():
                    pickled = entry.filename.endswith("data.pkl")
                    bad.writestr(entry.filename, content if pickled else good.read(entry))
        else:
            path.write_bytes(content)
        for read in (load_model, convert_fastmri, describe):
            with nothing_happens(tmp_path):
                said = refusal(read, path)
            # `describe` does not load: what torch's own names would make of it, it cannot know.
            assert "m.ckpt" in said or read is describe
            assert said.isprintable()


def test_a_scripted_network_is_refused(tmp_path):
    """A TorchScript archive carries code of its own."""

    class Script(torch.nn.Module):
        def forward(self, x):
            return x + 1

    path = tmp_path / "m.pt"
    torch.jit.script(Script()).save(path)
    with nothing_happens(tmp_path), pytest.raises(UnlearnError) as caught:
        load_model(path)
    assert "m.pt" in sentence(caught)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "../../canary"},
        {"architecture": "os.system"},
        {"parameters": {"cascades": 10**9}},
        {"parameters": {"channels": 10**30}},
        {"parameters": {"pools": 60}},
        {"parameters": {"__class__": "canary"}},
        {"parameters": {"cascades": "touch canary"}},
        {"matrix": [1, 2, 3]},
        {"unknown": "../../canary"},
    ],
)
def test_a_hostile_card_is_one_sentence(tmp_path, monkeypatch, changes):
    monkeypatch.chdir(tmp_path)
    card = {"architecture": "varnet", "parameters": TINY} | changes
    if "parameters" in changes:
        card["parameters"] = TINY | changes["parameters"]
    path = tmp_path / "m.safetensors"
    weights = {k: v.contiguous() for k, v in build("varnet", TINY).state_dict().items()}
    path.write_bytes(save(weights, {"card": json.dumps(card)}))
    with nothing_happens(tmp_path), pytest.raises(UnlearnError) as caught:
        load_model(path)
    assert len(sentence(caught)) < 400


def test_a_card_whose_texts_are_paths_leads_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bad = "../../canary; touch canary"
    card = Card(
        architecture="varnet", parameters=TINY, title=bad, role=bad, strategy=bad, parent=bad
    )
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, build("varnet", TINY), card)
    with nothing_happens(tmp_path):
        load_model(path)
        describe(path)


def test_adapters_with_names_of_paths_are_one_sentence(tmp_path):
    path = tmp_path / "adapters.safetensors"
    path.write_bytes(save({"../../canary.A": torch.ones(1, 2)}, {"adapters": "{}"}))
    with nothing_happens(tmp_path), pytest.raises(UnlearnError) as caught:
        load_adapters(path)
    sentence(caught)


HOSTILE = (
    "$(touch canary)",
    "`touch canary`",
    "; touch canary",
    "__import__('os').system('touch canary')",
    "{subject.__class__}",
    "../../../../../../../../etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "file:///etc/passwd",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("hostile") / "study")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_experiment_does_nothing(study, monkeypatch, text):
    monkeypatch.chdir(study)
    path, quoted = study / "experiment.toml", json.dumps(text)
    places = {
        '"miniature"': quoted,
        '["data/retain"]': f"[{quoted}]",
        '["data/forget/*.h5"]': f"[{quoted}]",
        "[data]": f"[data]\nroot = {quoted}",
        "epochs = 2": f"epochs = 2\nparent = {quoted}",
        "cascades = 1": f"cascades = {quoted}",
        'tissue = "marrow"': f"tissue = {quoted}",
        "seed = 0": f"seed = {quoted}",
        "[sampling]": f"[sampling]\nkind = {quoted}",
        "[model]": f"[model]\narchitecture = {quoted}",
    }
    for old, new in places.items():
        path.write_text(TOML.replace(old, new))
        with nothing_happens(study):
            try:
                loaded = Experiment.load(path)
                findings = preflight(loaded, ["original"], device="cpu", timing=False).findings
                texts = [finding.text for finding in findings]
            except UnlearnError as error:
                texts = [str(error)]
        assert all(said.isprintable() for said in texts)
        assert "root:x:0" not in " ".join(texts)


def test_a_hostile_reading_study_does_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in HOSTILE:
        quoted = json.dumps(text)
        content = (
            f'name = "x"\n[[cases]]\nname = {quoted}\narms = {{ a1 = {quoted}, a2 = {quoted} }}\n'
        )
        (tmp_path / "reading.toml").write_text(content)
        with nothing_happens(tmp_path):
            assert read_toml(tmp_path / "reading.toml")
            study = ReadingStudy.load(tmp_path)
            with pytest.raises(UnlearnError) as caught:
                list(check_images(study))
        sentence(caught)
        assert not (Path.cwd() / "canary").exists()
