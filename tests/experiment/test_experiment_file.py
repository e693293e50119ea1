"""Whatever is wrong in an experiment file: one sentence naming file, key, value, accepted."""

import datetime
import math
import types
from datetime import date
from typing import Annotated, Literal, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.settings import File, Section, network_section
from napari_unlearn.settings_file import MOST_BYTES
from tests.experiment.file_text import FILES, SOUND, load, put, refusal
from tests.test_cli import run
from tests.tiny_study import write_study


def sections(network, model=File, at=()):
    """Every table of the file with its place; a new one is found by itself."""
    yield at, model
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from sections(network, field.annotation, (*at, name))
        elif name == "parameters":
            yield (*at, name), network_section(network)


LEAVES = [
    (content, (*at, name), field)
    for network, content in FILES.items()
    for at, model in sections(network)
    for name, field in model.model_fields.items()
    if not (isinstance(field.annotation, type) and issubclass(field.annotation, Section))
]
IDS = [f"{content['name']}:{'.'.join(place)}" for content, place, _ in LEAVES]
NUMBERS = [
    (content, place)
    for content, place, field in LEAVES
    if {int, float} & {*get_args(field.annotation), field.annotation}
]
REQUIRED = [
    (*at, name)
    for at, model in sections("varnet")
    for name, field in model.model_fields.items()
    if field.is_required()
]


def fits(value, kind):
    """Whether a value is of an annotation's type, as TOML distinguishes types."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return fits(value, arguments[0])
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in arguments)
    if origin is Literal:
        return any(type(value) is type(part) and value == part for part in arguments)
    if origin is list:
        return isinstance(value, list) and all(fits(part, arguments[0]) for part in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(v, arguments[1]) for v in value.values())
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is kind


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("file")


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=80)
scalars = st.one_of(
    st.integers(-3, 10),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.booleans(),
    texts,
    st.dates(date(1900, 1, 1)),
    st.sampled_from(["varnet", "med3d", "segmentation", "magic", "32-true", "marrow"]),
)
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=3),
    st.dictionaries(st.sampled_from(["held", "retain", "a b", "cascades"]), scalars, max_size=2),
)
slow = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_the_walk_finds_the_whole_file():
    """Otherwise the properties below would hold of nothing."""
    assert len(LEAVES) >= 60
    assert {"sound:sampling.acceleration", "sound:data.tests", "heads:data.tests"} <= set(IDS)
    assert {"sound:model.parameters.cascades", "heads:model.parameters.depth"} <= set(IDS)
    assert REQUIRED == [("name",), ("data",), ("data", "retain"), ("data", "forget")]


@slow
@given(leaf=st.sampled_from(LEAVES), value=values)
def test_any_value_is_taken_as_it_is_or_refused_in_one_sentence(folder, leaf, value):
    sound, place, field = leaf
    content = put(sound, place, value)
    try:
        found = load(folder, content)
    except WrongUse:
        refusal(folder, content, place)
        return
    for name in place:
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    if place == ("request", "date") and type(value) is datetime.date:
        value = value.isoformat()  # TOML's own way of writing the same
    assert fits(value, field.annotation)
    # An int where a float belongs becomes the nearest one.
    assert found == (float(value) if type(found) is float else value)


@pytest.mark.parametrize(("sound", "place", "field"), LEAVES, ids=IDS)
def test_a_wrong_type_is_named_with_value_and_what_is_accepted(folder, sound, place, field):
    wrong = [
        value for value in ("#1", 7, True, [{}], {"x": [{}]}) if not fits(value, field.annotation)
    ]
    assert wrong
    for value in wrong:
        said = refusal(folder, put(sound, place, value), place)
        assert run("check", folder, code=2).stderr == f"{said}\n"


@pytest.mark.parametrize(("sound", "place"), NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, -0.5])
def test_no_number_of_the_file_may_be_nan_infinite_or_negative(folder, sound, place, value):
    refusal(folder, put(sound, place, value), place)


@pytest.mark.parametrize("sound", FILES.values(), ids=FILES)
@pytest.mark.parametrize("place", REQUIRED, ids=".".join)
def test_a_missing_key_is_named(folder, sound, place):
    assert "is missing" in refusal(folder, put(sound, place, None), place)


@pytest.mark.parametrize(("sound", "place", "field"), LEAVES, ids=IDS)
def test_a_misspelt_key_is_named_with_the_one_that_was_meant(folder, sound, place, field):
    name = place[-1]
    wrong = (*place[:-1], name[:2] + name[3:] if len(name) > 3 else name + "s")
    said = refusal(folder, put(sound, wrong, 1), wrong)
    assert f"did you mean '{'.'.join(place)}'" in said


@slow
@given(name=texts, value=values)
def test_any_other_key_is_named_on_one_line(folder, name, value):
    if (name,) not in [place[:1] for _, place, _ in LEAVES]:
        assert "there is no key" in refusal(folder, put(SOUND, (name,), value))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("sampling.acceleration", 0, "is 0; accepted: a whole number from 1 to 1,000."),
        ("sampling.acceleration", 4.0, "is 4.0; accepted: a whole number"),
        ("sampling.center_fraction", 1.5, "is 1.5; accepted: a number above 0 and at most 1."),
        ("sampling.kind", "spiral", '\'spiral\'; accepted: "equispaced" or "random" or "magic".'),
        ("training.precision", "bf16-true", '"32-true" or "bf16-mixed" or "16-mixed"'),
        ("training.epochs", "2", "'training.epochs' is '2'; accepted: a whole number"),
        ("model.architecture", "unet3000", '\'unet3000\'; accepted: "varnet" or "med3d".'),
        ("model.parameters.cascades", 0, "is 0; accepted: a whole number from 1 to 64."),
        ("model.parameters.checkpointing", 1, "is 1; accepted: true or false."),
        ("data.retain", [], "is []; accepted: a list with at least one of: the path of a file"),
        ("data.retain", ["a", ""], "'data.retain[1]' is ''; accepted: the path of a file"),
        ("data.retain", ["a\0b"], "'data.retain[0]' is 'a\\x00b'; accepted: the path"),
        ("data.tests", {"a b": ["x"]}, "'data.tests' is a table with 'a b'; accepted: names of"),
        ("data.tests", {"retain": ["x"]}, "other than retain, forget and unseen"),
        ("data.tests", {"unseen": ["x"]}, "other than retain, forget and unseen"),
        ("data.scans", {"x": 1}, "whole numbers for retain, forget, unseen, held."),
        ("name", "", "key 'name' is ''; accepted: text of one line."),
        ("name", "two\nlines", "is 'two\\nlines'; accepted: text of one line."),
        ("name", "x" * 5000 + "\n", "xxx...; accepted: text of one line."),
        ("acceleration", 4, "no key 'acceleration' (here 4); did you mean 'sampling.acceleration'"),
        ("seed", 2**32, "below 4,294,967,296"),
        ("task", "detection", '\'detection\'; accepted: "reconstruction" or "segmentation".'),
        (
            "task",
            "segmentation",
            "key 'model.architecture' is 'varnet'; accepted: \"med3d\" where key 'task' is "
            "'segmentation' ('varnet' is for reconstruction).",
        ),
        ("preprocessing.shape", [8, 8, 8], "as scans keep their own matrix."),
        ("data.images", {"T1": "{subject}.nii"}, "as scans are named by file, folder or pattern."),
    ],
)
def test_the_sentence_in_full(folder, place, value, said):
    assert said in refusal(folder, put(SOUND, place.split("."), value))


@slow
@given(content=st.one_of(st.binary(max_size=200), texts.map(str.encode)))
def test_any_bytes_are_an_experiment_or_one_sentence(folder, content):
    refusal(folder, content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name = '\xff'", "byte 8 is not UTF-8"),
        (b"x = " + b"[" * 100_000, "not a TOML file"),
        (b"seed = " + b"9" * 5000, "not a TOML file"),
        (b"#" * (MOST_BYTES + 1), "larger than 1 MiB"),
        ("name = 'a'\nname = 'b'", "not a TOML file"),
    ],
    ids=["latin-1", "deep", "long number", "huge", "twice"],
)
def test_what_is_no_toml_file_is_said_in_one_sentence(folder, content, said):
    assert said in refusal(folder, content)


def test_a_byte_order_mark_is_no_mistake(folder):
    text = "\ufeffname = 'windows'\n[data]\nretain = ['a']\nforget = ['b']\n"
    assert load(folder, text).name == "windows"


def test_what_is_no_file_is_said_in_one_sentence(tmp_path):
    (tmp_path / "experiment.toml").mkdir()
    with pytest.raises(WrongUse, match="not a file"):
        Experiment.load(tmp_path)
    for path in (tmp_path / "a\0b", tmp_path / ("x" * 5000), tmp_path / "none.toml"):
        with pytest.raises(UnlearnError, match="cannot be read"):
            Experiment.load(path)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"retain": ["nowhere"]}, "data.retain"),
        ({"forget": ["data/forget/*.nii"]}, "data.forget"),
        ({"retain": ["data/retain", "/nowhere/**/*.h5"]}, "data.retain"),
        ({"tests": {"held": ["~/nowhere-at-all/*.h5"]}}, "data.tests.held"),
        ({"forget": ["~nobody-of-that-name/x"]}, "data.forget"),
        ({"root": "nowhere"}, "data.retain"),
        ({"root": "~nobody-of-that-name"}, "data.root"),
    ],
)
def test_scans_that_are_not_there_end_with_2_and_the_key(tmp_path, data, key):
    study = write_study(tmp_path / "study")
    sound = {"retain": ["data/retain"], "forget": ["data/forget"]}
    load(study, {"name": "x", "data": {**sound, **data}})
    said = run("train", study, "--role", "original", code=2).stderr
    assert f"key '{key}' is" in said
    assert "accepted: " in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("root", ["scans [new]", "absolute", "home"])
def test_patterns_are_relative_to_the_root_whatever_it_is_called(tmp_path, monkeypatch, root):
    study = write_study(tmp_path / "study")
    monkeypatch.setenv("HOME", str(tmp_path))
    (study / "data").rename(study / "scans [new]" if root == "scans [new]" else tmp_path / "all")
    given = {"absolute": str(tmp_path / "all"), "home": "~/all"}.get(root, root)
    data = {"root": given, "retain": ["retain/*.h5"], "forget": ["forget"]}
    loaded = load(study, {"name": "x", "data": data})
    assert (len(loaded.samples("retain")), len(loaded.samples("forget"))) == (4, 2)


def test_a_number_of_scans_draws_as_many_and_the_same_each_time(tmp_path):
    study = write_study(tmp_path / "study")
    data = {"retain": ["data/retain"], "forget": ["data/forget"], "scans": {"retain": 1}}

    def names(seed):
        scans = load(study, {"name": "x", "seed": seed, "data": data}).samples("retain").scans
        return [scan.header.name for scan in scans]

    drawn = [names(seed) for seed in range(8)]
    assert all(len(one) == 1 for one in drawn)
    assert drawn == [names(seed) for seed in range(8)]
    assert len({one[0] for one in drawn}) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--strategy", "nlft"), "no strategy 'nlft'"),
        (("--strategy", "nl-ft", "--set", "scal=1"), "no parameter 'scal'"),
        (("--strategy", "nl-ft", "--set", "scale=99"), "'scale' is 99"),
        (("--strategy", "nl-ft", "--set", "scale=nan"), "'scale' is nan"),
    ],
)
def test_a_wrong_strategy_or_parameter_ends_with_2(tmp_path, arguments, said):
    study = write_study(tmp_path / "study")
    told = run("unlearn", study, *arguments, code=2).stderr
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_every_accepted_precision_trains(tmp_path, precision):
    study = write_study(tmp_path / "study")
    path = study / "experiment.toml"
    path.write_text(
        path.read_text().replace("epochs = 2", f'epochs = 1\nprecision = "{precision}"')
    )
    run("train", study, "--role", "oracle", "--threads", 1, "--device", "cpu")
    assert (study / "runs" / "oracle" / "checkpoint.safetensors").is_file()
