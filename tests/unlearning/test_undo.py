"""Unlearning that can be undone: adapters taken off, put on again, one request after another."""

import dataclasses
import json

import pytest
import torch

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.models.adapter_file import ADAPTERS
from napari_unlearn.models.checkpoint import load_checkpoint, save_checkpoint, sha256
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.strategies import find_strategy
from napari_unlearn.unlearning.task import Reconstruction
from napari_unlearn.unlearning.undo import merge, open_adapters, remove
from tests.test_cli import run


@pytest.fixture
def unlearnt(unlearning):
    """A run with adapters that changed the network visibly."""
    strategy = find_strategy("ga").with_parameters({"lora_rank": 2})
    job = unlearning("ga", strategy=strategy, epochs=2, learning_rate=1e-2)
    list(train(job))
    return job


def answer(path, samples):
    with torch.no_grad():
        return Reconstruction().predict(load_checkpoint(path)[0].eval(), samples.batch(0))


def test_without_its_adapters_a_run_is_its_parent_bit_for_bit(unlearnt, brains, tmp_path):
    said = remove(open_adapters(unlearnt.folder), tmp_path / "undone.safetensors")
    assert "bit for bit" in said
    assert sha256(tmp_path / "undone.safetensors") == sha256(unlearnt.parent)
    merged = unlearnt.folder / "checkpoint.safetensors"
    original = answer(unlearnt.parent, brains)
    assert torch.equal(answer(tmp_path / "undone.safetensors", brains), original)
    assert not torch.allclose(answer(merged, brains), original, rtol=1e-3)


def test_without_the_parent_the_adapters_are_subtracted_and_that_is_said(
    unlearnt, brains, tmp_path
):
    before, card = load_checkpoint(unlearnt.parent)
    original = answer(unlearnt.parent, brains)
    unlearnt.parent.unlink()
    said = remove(open_adapters(unlearnt.folder), tmp_path / "undone.safetensors")
    assert "rounding" in said
    model, about = load_checkpoint(tmp_path / "undone.safetensors")
    for key, value in before.state_dict().items():
        torch.testing.assert_close(model.state_dict()[key], value, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        answer(tmp_path / "undone.safetensors", brains), original, rtol=1e-4, atol=1e-5
    )
    assert about.role == card.role == "original"
    assert "but for rounding" in about.remark


def test_merging_gives_the_unlearned_network_wherever_its_parent_lies(unlearnt, tmp_path):
    parent = unlearnt.parent.rename(tmp_path / "elsewhere.safetensors")
    alone = tmp_path / "posted" / ADAPTERS
    alone.parent.mkdir()
    (unlearnt.folder / ADAPTERS).rename(alone)
    said = merge(open_adapters(alone, parent), tmp_path / "again.safetensors")
    assert "'ga'" in said
    again, card = load_checkpoint(tmp_path / "again.safetensors")
    merged, about = load_checkpoint(unlearnt.folder / "checkpoint.safetensors")
    assert card == about
    state = merged.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in again.state_dict().items())


def test_another_parent_is_refused_in_one_sentence(unlearnt, tmp_path):
    other = tmp_path / "other.safetensors"
    model, card = load_checkpoint(unlearnt.parent)
    save_checkpoint(other, model, card.model_copy(update={"title": "Another"}))
    with pytest.raises(UnlearnError, match="not the checkpoint that these adapters were learnt on"):
        open_adapters(unlearnt.folder, other)


def test_what_cannot_be_found_is_said(unlearnt, tmp_path):
    unlearnt.parent.unlink()
    with pytest.raises(UnlearnError, match=r"in none of the runs beside it"):
        merge(open_adapters(unlearnt.folder), tmp_path / "out.safetensors")
    # Another network lies where the merged one was: nothing may be subtracted from it.
    model, card = load_checkpoint(unlearnt.folder / "checkpoint.safetensors")
    save_checkpoint(
        unlearnt.folder / "checkpoint.safetensors", model, card.model_copy(update={"title": "X"})
    )
    with pytest.raises(UnlearnError, match="neither the checkpoint"):
        remove(open_adapters(unlearnt.folder), tmp_path / "out.safetensors")
    (unlearnt.folder / ADAPTERS).unlink()
    with pytest.raises(UnlearnError, match="lora_rank above 0"):
        open_adapters(unlearnt.folder)


def test_no_checkpoint_is_written_over(unlearnt):
    path = unlearnt.folder / "checkpoint.safetensors"
    before = path.read_bytes()
    for act in (remove, merge):
        with pytest.raises(WrongUse, match="already"):
            act(open_adapters(unlearnt.folder), path)
    assert path.read_bytes() == before


def test_two_requests_one_after_another_are_undone_one_by_one(unlearnt, brains, tmp_path):
    first = unlearnt.folder / "checkpoint.safetensors"
    second = dataclasses.replace(
        unlearnt, parent=first, folder=unlearnt.folder.parent / "second", forget=brains
    )
    list(train(second))
    remove(open_adapters(second.folder), tmp_path / "one.safetensors")
    assert sha256(tmp_path / "one.safetensors") == sha256(first)
    remove(open_adapters(unlearnt.folder), tmp_path / "none.safetensors")
    assert sha256(tmp_path / "none.safetensors") == sha256(unlearnt.parent)


def test_the_command_says_what_adapters_are(unlearnt):
    text = run("adapters", unlearnt.folder).stdout
    assert text == run("adapters", unlearnt.folder, "--list").stdout
    about = json.loads(run("adapters", unlearnt.folder, "--json").stdout)
    assert (about["strategy"], about["rank"], about["parent"]) == ("ga", 2, sha256(unlearnt.parent))
    assert about["parameters"] == sum(layer["parameters"] for layer in about["layers"])
    model, _ = load_checkpoint(unlearnt.parent)
    assert about["network_parameters"] == sum(weight.numel() for weight in model.parameters())
    merged = load_checkpoint(unlearnt.folder / "checkpoint.safetensors")[0].state_dict()
    change = sum(
        float((merged[key] - value).square().sum()) for key, value in model.state_dict().items()
    )
    assert about["norm"] == pytest.approx(change**0.5, rel=1e-4)
    share = 100 * about["parameters"] / about["network_parameters"]
    assert f"'ga', rank 2, alpha 16, learnt on Original (SHA-256 {about['parent'][:12]})" in text
    assert f"{about['parameters']:,} parameters, {share:.1f} % of the network's" in text


def test_the_command_takes_adapters_off_and_puts_them_on(unlearnt, tmp_path):
    off, on = tmp_path / "off.safetensors", tmp_path / "on.safetensors"
    assert "bit for bit" in run("adapters", unlearnt.folder, "--remove", "-o", off).stdout
    run("adapters", unlearnt.folder / ADAPTERS, "--merge", "--parent", off, "-o", on)
    merged = load_checkpoint(unlearnt.folder / "checkpoint.safetensors")[0].state_dict()
    again = load_checkpoint(on)[0].state_dict()
    assert all(torch.equal(again[key], value) for key, value in merged.items())


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--remove",), 2, "need -o"),
        (("-o", "x.safetensors"), 2, "need -o"),
        (("--remove", "--merge", "-o", "x.safetensors"), 2, "only one"),
        (("--merge", "-o", "x.safetensors"), 1, "is not there"),
    ],
)
def test_wrong_use_of_the_command_ends_in_a_sentence(options, code, said, tmp_path):
    assert said in run("adapters", tmp_path, *options, code=code).stderr
