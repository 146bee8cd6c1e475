"""Every number and choice of a run, declared once.

The checks of `Options`, the options of the command line and the constraints of the estimator are
made from these declarations; the signature of `nmf` and the keywords of `sweep` are held against
them by a test.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypedDict

import numpy as np

from .losses import LOSSES, Loss, Penalties, Penalty, loss_called, name_of
from .solvers import ANY, AUTO, SOLVERS, Quiet, Solver, Telling, solver_called
from .starts import INITS
from .stopping import STOPS, Stop
from .types import NO_WALKS, Walks

MOST_ITERATIONS = MOST_COMPONENTS = 10**9  # a history of 8 GB; more than any memory holds
MOST_REPEATS = 10**4
MOST_BETA = 20  # W H, which may vary by 1e9, is taken to this power and more


@dataclass(frozen=True)
class Option:
    """What is known of an option beside its name.

    Attributes
    ----------
    default : object
        MISSING if it has to be given.
    help : str
        One line for the command line.
    kind : type
        int, float, str or bool.
    must : str
        What its value must be, as in "it must be …".
    low, high : float
        Bounds of a number; `high` is never reached.
    open : bool
        Whether `low` is not reached either.
    tables : tuple of iterables of str
        Where the names are that it may be, beside a number where that is its kind.
    before : object
        What runs had before there was this option, if files of theirs do not say it.
    """

    default: Any
    help: str
    kind: type
    must: str = ""
    low: float = -math.inf
    high: float = math.inf
    open: bool = False
    tables: tuple[Iterable[str], ...] = ()
    before: Any = None

    @property
    def names(self) -> list[str]:
        """The names that it may be, as they are now."""
        return [name for table in self.tables for name in table]

    def field(self) -> Any:
        """A field of a dataclass for it."""
        return field(default=self.default, metadata={"option": self})

    def checked(self, name: str, value: Any) -> Any:
        """A value that was given, of its kind; None passes where it is the default.

        Raises
        ------
        TypeError, ValueError
            Naming the option, its value and what it must be.
        """
        if value is None and self.default is None:
            return None
        if self.tables and (self.kind is str or isinstance(value, str)):
            if not isinstance(value, str) or value not in self.names:
                known = ", ".join(self.names) + ", or a number" * (self.kind is not str)
                raise ValueError(f"{name} is {value!r}; it must be one of {known}")
            return value
        switched, whole = (isinstance(value, x) for x in ((bool, np.bool_), (int, np.integer)))
        if self.kind is bool and switched:
            return bool(value)
        if self.kind is bool or switched or (self.kind is int and not whole):  # True is an int
            raise self._of_another_kind(name, value)
        try:
            number = self.kind(value)
        except (TypeError, ValueError, OverflowError):
            raise self._of_another_kind(name, value) from None
        inside = self.low < number if self.open else self.low <= number
        if not (inside and number < self.high):
            raise ValueError(f"{name} is {number}; it must be {self.must}")
        return number

    def _of_another_kind(self, name: str, value: Any) -> TypeError:
        """What is raised of a value that is none of its kind."""
        kinds = {bool: self.must, int: "an integer", float: f"a number, {self.must}"}
        return TypeError(f"{name} is {value!r}; it must be {kinds[self.kind]}")


def whole(default: Any, help: str, least: int, most: int | None = None) -> Option:
    """A whole number, from `least` to `most`."""
    must = f"at least {least}" + (f", and at most {most:,}" if most else "")
    return Option(default, help, int, must, least, most + 1 if most else math.inf)


def choice(default: str, help: str, *tables: Iterable[str]) -> Option:
    """One of the names that some tables hold."""
    return Option(default, help, str, tables=tables)


def switch(default: bool | None, help: str) -> Option:
    """Yes or no."""
    return Option(default, help, bool, "True or False")


def penalty(of: str) -> Option:
    """The weight of a penalty."""
    return Option(0.0, f"Penalty: {of} times this.", float, "finite and >= 0", low=0)


def declared(options: Any) -> dict[str, Option]:
    """The options that a dataclass, or an instance of one, declares, by name."""
    found = {f.name: f.metadata.get("option") for f in fields(options)}
    return {name: option for name, option in found.items() if option is not None}


def check(options: Any) -> None:
    """Check every option that a frozen dataclass declares; numbers become Python's own.

    Raises
    ------
    TypeError, ValueError
        Naming the option, its value and what it must be.
    """
    for name, option in declared(options).items():
        object.__setattr__(options, name, option.checked(name, getattr(options, name)))


@dataclass(frozen=True, kw_only=True)
class Options:
    """The numbers and choices of a run, checked; see `nmf` for what they mean."""

    rank: int = whole(MISSING, "Number of components.", 1, MOST_COMPONENTS).field()
    seed: int = whole(0, "Of the random start.", 0).field()
    max_iter: int = whole(1000, "Iterations.", 1, MOST_ITERATIONS).field()
    tol: float = Option(
        0.0, "0: never stop.", float, "finite and >= 0, and 0 turns it off", low=0
    ).field()
    check_every: int = whole(10, "For --tol.", 1).field()
    delta: float | None = Option(
        None,
        "δ of mu; by default 1e-9 mean(A)^1.5.",
        float,
        "positive, e.g. 1e-9",
        low=0,
        open=True,
    ).field()
    loss: str | float = Option(
        "frobenius",
        "What is minimized; a number is β of a β-divergence.",
        float,
        f"from -{MOST_BETA} to {MOST_BETA}, or a name",
        low=-MOST_BETA,
        high=np.nextafter(MOST_BETA, np.inf),
        tables=(LOSSES,),
        before="frobenius",
    ).field()
    folds: int | None = Option(
        None,
        "Cross-validation: leave one of so many folds of the entries out, fold seed mod folds.",
        int,
        "from 2 to 255",
        low=2,
        high=256,
    ).field()
    solver: str = choice("mu", "How a factor is moved.", SOLVERS, [AUTO]).field()
    inner: int | None = whole(
        None, "Repeats with the same products with A. [default: by solver]", 1, MOST_REPEATS
    ).field()
    extrapolate: bool | None = switch(
        None, "Move on along the last step (hals). [default: no, or what auto takes]"
    ).field()
    stop: str = choice("error", "What --tol is held against.", STOPS).field()
    init: str = choice("random", "The start.", INITS).field()
    l1_W: float = penalty("Σ W").field()
    l2_W: float = penalty("½‖W‖²").field()
    l1_H: float = penalty("Σ H").field()
    l2_H: float = penalty("½‖H‖²").field()

    def __post_init__(self) -> None:
        check(self)
        object.__setattr__(self, "loss", name_of(self.loss))
        if self.extrapolate and (reason := self.against_extrapolation()):
            raise ValueError(f"extrapolate is True, but {reason}")
        if self.folds is not None and INITS[self.init].sees:
            able = [repr(name) for name, init in INITS.items() if not init.sees]
            raise ValueError(
                f"init is {self.init!r}, which looks at all of A, but folds is {self.folds}; take "
                f"init={' or '.join(able)}"
            )
        stop, inner = self.stopping, self.inner or self.method.inner
        if not stop.goes_with(self.method, inner):
            able = [repr(name) for name, x in STOPS.items() if x.goes_with(self.method, inner)]
            raise ValueError(
                f"stop={self.stop!r} {stop.needs}; with {self.solver!r} and inner {inner}, take "
                f"stop={' or '.join(able)}"
            )
        if not issubclass(self.objective.model_type, self.method.takes):
            able = [repr(name) for name, solver in SOLVERS.items() if solver.takes is ANY]
            raise ValueError(
                f"solver is {self.solver!r}, which does not take loss={self.loss!r}; take "
                f"{' or '.join(able)}"
            )
        if inner > 1 and not self.objective.repeatable:
            raise ValueError(
                f"inner is {inner}, but a model of loss={self.loss!r} holds for one step; leave "
                "inner out"
            )

    def against_extrapolation(self) -> str:
        """What of the other options does not go with `extrapolate`, and the cure; or nothing."""
        if not self.method.extrapolates:
            able = [repr(name) for name, solver in SOLVERS.items() if solver.extrapolates]
            return f"solver is {self.solver!r}; take {' or '.join(able)}"
        if self.tol and self.stopping.compares and self.check_every < 2:
            return (
                f"stop={self.stop!r} would take a step that is not taken for the end; take a "
                "check_every of 2 or more"
            )
        return ""

    @property
    def method(self) -> Solver:
        """What `solver` names."""
        return solver_called(self.solver)

    def rule(self, watch: Stop | None = None) -> Telling:
        """The rule of the solver, with `inner`, telling what a stopping rule has to know."""
        solver, inner = self.method, self.inner or self.method.inner
        return watch.rule(solver, inner) if watch else Quiet(solver.make(inner))

    @property
    def by_columns(self) -> bool:
        """Whether that rule moves each column of a factor whatever the others are."""
        return self.method.by_columns(self.inner or self.method.inner)

    @property
    def walks(self) -> Walks:
        """The kernels that apply that rule to least squares, if it is a single pass."""
        return self.method.walks if (self.inner or self.method.inner) == 1 else NO_WALKS

    @property
    def added(self) -> float:
        """δ, if the rule adds it to denominators, else 0."""
        return (self.delta or 0.0) if self.method.uses_delta else 0.0

    @property
    def objective(self) -> Loss:
        """What `loss` names."""
        return loss_called(self.loss)

    @property
    def stopping(self) -> Stop:
        """What `stop` names."""
        return STOPS[self.stop]

    @property
    def penalties(self) -> Penalties:
        """Those on H and on W."""
        # A zero l2 is none, or the loop would compute it.
        return Penalty(self.l1_H, self.l2_H or None), Penalty(self.l1_W, self.l2_W or None)

    @classmethod
    def among(cls, arguments: Mapping[str, Any]) -> Options:
        """The options among the arguments of a function."""
        return cls(**{name: arguments[name] for name in declared(cls) if name in arguments})


class OptionKeywords(TypedDict, total=False):
    """The options that several runs may have in common, as keywords; see `nmf`."""

    max_iter: int
    tol: float
    check_every: int
    delta: float | None
    loss: str | float
    folds: int | None
    solver: str
    inner: int | None
    extrapolate: bool | None
    stop: str
    init: str
    l1_W: float
    l2_W: float
    l1_H: float
    l2_H: float


OWN = ("rank", "seed")
"""The options that every run of a sweep has of its own."""

COMMON = {name: option for name, option in declared(Options).items() if name not in OWN}
"""Those that the runs of a sweep have in common."""
