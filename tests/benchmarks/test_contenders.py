import numpy as np
import pytest
import torch

from napari_unlearn.benchmarks.contenders import CONTENDERS, Contender, write_weights
from napari_unlearn.benchmarks.lane import Setting
from napari_unlearn.benchmarks.measure import Bench
from napari_unlearn.benchmarks.names import CHECKPOINTING, FASTMRI, MONAI, OURS
from napari_unlearn.benchmarks.shares import KINDS, OTHER, kind_of
from napari_unlearn.benchmarks.sizes import find_size, make_slice
from napari_unlearn.errors import WrongUse


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "toy.pt"
    write_weights(find_size("toy"), path)
    return path


def bench(name, weights, **setting):
    return Bench(CONTENDERS[name], Setting("toy", weights, threads=1, **setting))


@pytest.mark.parametrize("name", [OURS, CHECKPOINTING, FASTMRI, MONAI])
def test_every_contender_reconstructs_trains_and_is_timed(name, weights):
    if CONTENDERS[name].missing:
        pytest.skip(CONTENDERS[name].missing)
    lane = bench(name, weights)
    assert lane.carry_out("output").shape == (1, 32, 40)
    assert lane.carry_out("forward") > 0
    assert lane.carry_out("step") > 0
    assert np.isfinite(lane.carry_out("gradient")).all()


def test_fastmris_network_gives_what_ours_gives(weights):
    if CONTENDERS[FASTMRI].missing:
        pytest.skip(CONTENDERS[FASTMRI].missing)
    ours, theirs = (bench(name, weights) for name in (OURS, FASTMRI))
    found, expected = (lane.carry_out("output") for lane in (ours, theirs))
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)
    found, expected = (lane.carry_out("exact gradient") for lane in (ours, theirs))
    assert np.linalg.norm(found - expected) < 1e-9 * np.linalg.norm(expected)


def test_steps_do_not_move_the_weights_and_single_precision_is_close_to_double(weights):
    lane = bench(OURS, weights)
    before = lane.carry_out("output")
    lane.carry_out("step")
    assert np.array_equal(lane.carry_out("output"), before)
    exact = lane.carry_out("exact gradient")
    assert exact.dtype == np.float64
    distance = np.linalg.norm(lane.carry_out("gradient") - exact)
    assert 0 < distance < 1e-2 * np.linalg.norm(exact)


def test_bf16_computes_coarsely_and_says_how_coarsely(weights):
    lane = bench(OURS, weights, precision="bf16")
    coarse, fine = lane.carry_out("output"), lane.carry_out("fp32 output")
    assert coarse.dtype == np.float32
    assert 1e-4 < np.linalg.norm(coarse - fine) / np.linalg.norm(fine) < 0.2
    assert np.isfinite(lane.carry_out("gradient")).all()


def test_the_shares_of_a_step_are_all_of_it(weights):
    answer = bench(OURS, weights).carry_out("shares")
    for shares in (answer["forward"], answer["step"]):
        assert set(shares) == {*KINDS, OTHER}
        assert sum(shares.values()) == pytest.approx(1)
        assert shares["convolution"] > 0
    assert answer["operations"] > 1e6
    assert answer["product"] > 1e8


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::mkldnn_convolution", "convolution"),
        ("aten::native_batch_norm_backward", "norm and leaky ReLU"),
        ("aten::_fft_c2c", "FFT"),
        ("aten::copy_", "copies"),
        ("aten::add", OTHER),
    ],
)
def test_operations_are_counted_where_they_belong(operation, kind):
    assert kind_of(operation) == kind


def test_the_slice_is_the_same_in_every_process_and_undersampled():
    first, second = (make_slice(find_size("toy")) for _ in range(2))
    assert torch.equal(first.kspace, second.kspace)
    assert not first.kspace[..., ~first.lines].any()
    assert 0.2 < first.lines.float().mean() < 0.5


def test_an_unknown_size_is_refused_in_one_sentence():
    with pytest.raises(WrongUse, match="accepted: toy, small, paper, full"):
        find_size("huge")


def test_a_peer_that_is_not_installed_says_what_to_install():
    absent = Contender("Nobody", CONTENDERS[FASTMRI].build, "no_such_package", ("yaml_too",))
    assert absent.missing.endswith("pip install --no-deps no_such_package yaml_too")
    assert CONTENDERS[OURS].missing == ""
