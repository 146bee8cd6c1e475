"""An option is declared once, and every door has it: checked, with its name, kind and default."""

import inspect
import math
import re
from dataclasses import MISSING, replace
from typing import get_type_hints

import numpy as np
import pytest

from nmf_accel import nmf, sweep
from nmf_accel.cli import main
from nmf_accel.options import COMMON, OptionKeywords, Options, declared
from nmf_accel.solvers import SOLVERS

ALL = declared(Options)
SWITCHES = {name: option for name, option in ALL.items() if option.kind is bool}
NUMBERS = {k: option for k, option in ALL.items() if not option.tables and k not in SWITCHES}
WHOLE = [name for name, option in NUMBERS.items() if option.kind is int]
CHOICES = {name: option for name, option in ALL.items() if option.tables}
A = np.random.default_rng(0).random((6, 5))


def given(name, value):
    """The value of an option that is given, as the options hold it."""
    return getattr(Options(**{"rank": 2, name: value}), name)


def just_inside(option):
    """The numbers nearest to the bounds of an option that it may be."""
    if option.kind is int:
        return [int(option.low)]
    least = math.nextafter(option.low, math.inf) if option.open else float(option.low)
    return [least, math.nextafter(option.high, 0)]


def just_outside(option):
    """Those that it may not be, and what is no number between bounds."""
    if option.kind is int:
        return [int(option.low) - 1]
    most = float(option.low) if option.open else math.nextafter(option.low, -math.inf)
    return [most, float(option.high), math.inf, math.nan]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_held_against_its_bounds(name):
    option = NUMBERS[name]
    assert math.isfinite(option.low), "an option without a bound takes anything"
    for value in just_inside(option):
        found = given(name, value)
        assert found == value
        assert type(found) is option.kind
    for value in just_outside(option):
        message = f"{name} is {value}; it must be {option.must}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            given(name, value)


@pytest.mark.parametrize("name", ALL)
def test_none_is_allowed_where_it_is_the_default(name):
    if ALL[name].default is None:
        assert given(name, None) is None
    else:
        with pytest.raises((TypeError, ValueError), match=f"^{name} is None; it must be "):
            given(name, None)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [True, False, 3.0, "3"])
def test_a_whole_number_is_an_integer(name, value):
    with pytest.raises(TypeError, match=f"^{name} is {value!r}; it must be an integer$"):
        given(name, value)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_numpy_becomes_one_of_python(name):
    option = NUMBERS[name]
    value = 3 if option.kind is int else 0.25
    found = given(name, {int: np.int32, float: np.float64}[option.kind](value))
    assert found == value
    assert type(found) is option.kind


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_is_true_or_false(name):
    for value in (True, np.True_):
        assert given(name, False) is False
        with pytest.raises(ValueError, match=f"^{name} is True, but solver is 'mu'"):
            given(name, value)
    for value in (1, 0.0, "yes"):
        with pytest.raises(TypeError, match=f"^{name} is {value!r}; it must be True or False$"):
            given(name, value)


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_is_one_of_its_names(name):
    names = CHOICES[name].names
    assert given(name, CHOICES[name].default) in names
    message = f"{name} is 'another'; it must be one of {', '.join(names)}"
    message += ", or a number" * (CHOICES[name].kind is float)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        given(name, "another")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "cd"}, "solver is 'cd'; it must be one of mu, hals, bpp, apg, auto"),
        ({"inner": 0}, "inner is 0; it must be at least 1"),
        ({"stop": "never"}, "stop is 'never'; it must be one of error, kkt"),
        ({"init": "svd"}, "init is 'svd'; it must be one of random, sklearn, nndsvd"),
    ],
)
def test_bad_settings(options, message, sprites):
    with pytest.raises(ValueError, match=message):
        nmf(sprites, 2, backend="numpy", **options)


def test_options_are_given_by_name():
    with pytest.raises(TypeError, match="positional"):
        Options(2)
    with pytest.raises(AttributeError, match="cannot assign"):
        Options(rank=2).tol = 0.1


def test_the_signature_of_nmf_is_the_declaration():
    parameters = inspect.signature(nmf).parameters
    others = {"A", "W0", "H0", "dtype", "backend", "device", "progress", "callback"}
    others |= {"missing", "weights", "zeros", "unknown", "W_fixed", "H_fixed"}
    assert [name for name in parameters if name not in others] == list(ALL)
    kinds, hints = get_type_hints(nmf), get_type_hints(Options)
    for name, option in ALL.items():
        required = option.default is MISSING
        assert parameters[name].default == (inspect.Parameter.empty if required else option.default)
        assert (parameters[name].kind is inspect.Parameter.KEYWORD_ONLY) == (not required)
        assert kinds[name] == hints[name]


def test_the_keywords_of_sweep_are_the_common_options():
    assert set(COMMON) == set(ALL) - {"rank", "seed"}
    hints = get_type_hints(Options)
    assert get_type_hints(OptionKeywords) == {name: hints[name] for name in COMMON}
    assert not OptionKeywords.__required_keys__
    defaults = {name: option.default for name, option in COMMON.items()}
    result = sweep(A, [2], 1, **{**defaults, "max_iter": 2})
    assert [row["iterations"] for row in result.table] == [2]


@pytest.mark.parametrize("name", ["itermax", "rank", "seed"])
def test_sweep_refuses_another_keyword_and_names_its_options(name):
    message = f"unexpected keyword argument '{name}'; its options are {', '.join(COMMON)}"
    with pytest.raises(TypeError, match=f"{re.escape(message)}$"):
        sweep(A, [2], 1, max_iter=2, **{name: 3})


@pytest.mark.parametrize("command", ["fit", "sweep"])
@pytest.mark.parametrize("name", COMMON)
def test_the_commands_offer_it(command, name):
    option = COMMON[name]
    (offered,) = [x for x in main.commands[command].params if x.name == name]
    assert offered.opts == [f"--{name.lower().replace('_', '-')}"]
    assert offered.default == option.default
    assert offered.help.startswith(option.help)
    on_or_off = option.kind is bool
    assert offered.secondary_opts == [f"--no-{name.lower().replace('_', '-')}"] * on_or_off
    if not option.tables:
        named = {int: "integer", float: "float", bool: "boolean"}
        assert offered.type.name == named[option.kind]
    else:
        assert offered.type.option.names == option.names


@pytest.mark.parametrize("value", ["x", [1.0], 1 + 2j, 10**400])
@pytest.mark.parametrize("name", ["tol", "delta", "l1_W"])
def test_what_is_no_number_is_named(name, value):
    with pytest.raises(TypeError, match=f"^{name} is .*; it must be a number, "):
        Options(rank=1, **{name: value})


def test_the_inner_repeats_of_a_solver_count_as_those_of_the_caller(monkeypatch):
    monkeypatch.setitem(SOLVERS, "twice", replace(SOLVERS["hals"], inner=2))
    with pytest.raises(ValueError, match="with 'twice' and inner 2, take stop='error' or 'kkt'"):
        Options(rank=1, solver="twice", stop="descent")
