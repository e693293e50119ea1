import json
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import load_checkpoint, read_card, save_checkpoint, sha256
from napari_unlearn.models.load import load_model
from napari_unlearn.models.registry import build

PARAMETERS = {"cascades": 1, "sens_channels": 2, "sens_pools": 2, "channels": 3, "pools": 2}
CARD = Card(architecture="varnet", parameters=PARAMETERS, title="Original", metrics={"psnr": 31.5})


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build("varnet", PARAMETERS)


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, model, CARD)
    return path


@pytest.mark.parametrize("load", [load_checkpoint, load_model])
def test_weights_and_card_come_back(model, saved, load):
    loaded, card = load(saved)
    assert card == read_card(saved) == CARD
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_half_precision_on_disk_is_single_in_memory(model, tmp_path):
    full, half = tmp_path / "full.safetensors", tmp_path / "half.safetensors"
    save_checkpoint(full, model, CARD)
    save_checkpoint(half, model, CARD, torch.float16)
    loaded, _ = load_checkpoint(half)
    assert half.stat().st_size < 0.7 * full.stat().st_size
    for key, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, model.state_dict()[key], rtol=1e-3, atol=1e-6)


def test_loading_draws_no_random_numbers(saved):
    before = torch.get_rng_state()
    load_checkpoint(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_failed_save_leaves_the_old_file_whole(model, saved):
    old = saved.read_bytes()
    draft = saved.with_name(f".part.{saved.name}")
    draft.mkdir()  # the draft cannot be written
    with pytest.raises(UnlearnError, match="cannot be written"):
        save_checkpoint(saved, model, CARD)
    assert saved.read_bytes() == old


def test_a_killed_save_leaves_a_whole_file(model, saved):
    script = (
        "import sys; from napari_unlearn.models.checkpoint import *\n"
        "model, card = load_checkpoint(sys.argv[1]); print('ready', flush=True)\n"
        "while True: save_checkpoint(sys.argv[1], model, card)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(saved)], stdout=subprocess.PIPE, cwd=os.getcwd()
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        for _ in range(50):  # reads between two saves see whole files too
            load_checkpoint(saved)
        process.kill()
    assert load_checkpoint(saved)[1] == CARD
    save_checkpoint(saved, model, CARD)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_fingerprint_is_the_files_sha256(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def rewritten(path, change):
    """The checkpoint with its header changed."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])
    return path


def set_card(**changes):
    def change(header):
        card = json.loads(header["__metadata__"]["card"]) | changes
        header["__metadata__"]["card"] = json.dumps(card)

    return change


BAD_CARDS = {
    "no metadata": (lambda header: header.pop("__metadata__"), "without a card"),
    "text": (lambda header: header["__metadata__"].update(card="{"), "unusable card"),
    "unknown field": (set_card(colour="red"), "colour"),
    "architecture": (set_card(architecture="resnet"), "choose one of varnet"),
    "parameter": (set_card(parameters={"depth": 3}), "it takes cascades"),
    "larger": (set_card(parameters=PARAMETERS | {"cascades": 2}), "'cascades.1.*' are missing"),
    "smaller": (set_card(parameters=PARAMETERS | {"pools": 1}), "network (needs|has no)"),
    "wider": (set_card(parameters=PARAMETERS | {"channels": 1024}), r"the network needs .*1024"),
    "absurd": (set_card(parameters={"cascades": 10**12}), "between 1 and 64"),
}


@pytest.mark.parametrize("name", BAD_CARDS)
def test_a_card_that_does_not_fit_is_one_sentence(saved, name):
    change, says = BAD_CARDS[name]
    with pytest.raises(UnlearnError, match=says) as caught:
        load_checkpoint(rewritten(saved, change))
    assert str(caught.value).startswith("model.safetensors: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cut short"),
        (b"hello, I am a text file", "not a safetensors"),
        ((1 << 60).to_bytes(8, "little") + b"{}", "claims 1152921504606846976 of 2 bytes"),
        ((20).to_bytes(8, "little") + b"[" * 40, "not a safetensors"),
        ((2).to_bytes(8, "little") + b"[]", "not a safetensors"),
        ((6).to_bytes(8, "little") + b"{\xff\xfe: 1}", "not a safetensors"),
        ((1 << 20).to_bytes(8, "little") + b"[" * (1 << 20), "not a safetensors"),
    ],
)
def test_what_is_no_checkpoint_is_one_sentence(tmp_path, content, says):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(UnlearnError, match=says):
        load_checkpoint(path)
    with pytest.raises(UnlearnError, match=r"^bad.safetensors: "):
        load_model(path)


def test_missing_file_and_folder_are_one_sentence(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        for use in (load_model, load_checkpoint, read_card, sha256):
            with pytest.raises(UnlearnError, match="cannot be read"):
                use(path)


def test_whole_numbers_as_weights_are_refused(model, tmp_path):
    path = tmp_path / "integers.safetensors"
    weights = {key: value.int().contiguous() for key, value in model.state_dict().items()}
    save_file(weights, path, metadata={"card": CARD.model_dump_json()})
    with pytest.raises(UnlearnError, match="floating-point"):
        load_checkpoint(path)


@given(cut=st.integers(0, 30_000), position=st.integers(0, 6_000), value=st.integers(0, 255))
@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_files_load_or_end_in_one_sentence(saved, tmp_path, cut, position, value):
    content = bytearray(saved.read_bytes())
    content[position % len(content)] = value
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content[: len(content) - cut] if cut % 2 else content)
    for load in (load_checkpoint, load_model):
        try:
            loaded, _ = load(path)
        except UnlearnError as error:
            message = str(error)
        else:
            message = f"{sum(value.numel() for value in loaded.parameters())} weights"
        assert "\n" not in message
        assert len(message) < 1000
