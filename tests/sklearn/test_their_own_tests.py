"""scikit-learn's own tests of its `NMF` and `non_negative_factorization` hold of ours.

They are those of the scikit-learn that is installed, run with our two names in the place of its.
Those of its private functions are run too, and those of `MiniBatchNMF` are not.
"""

import importlib.util
from unittest import mock

import pytest
import sklearn.decomposition

from nmf_accel.sklearn import NMF, non_negative_factorization

pytestmark = pytest.mark.filterwarnings("ignore")  # those that they do not ask for

EXACT = (
    "with the Frobenius norm our W is the exact one for H, so that `transform` agrees with "
    "`fit_transform`; theirs is that of the last update"
)
RELATIVE = (
    "with β < 1, theirs sets entries below 2.2e-16 to zero for ever; nothing here is absolute, so "
    "that c X gives c times the same fit"
)
CANNOT_HOLD = {
    # Of β = 2 beside β = 2 - 1e-5; test_estimator.py has the rest of it.
    "test_nmf_multiplicative_update_sparse[csr_matrix]": EXACT,
    "test_nmf_multiplicative_update_sparse[csr_array]": EXACT,
    "test_nmf_minibatchnmf_equivalence[2]": EXACT,
    "test_nmf_minibatchnmf_equivalence[-0.5]": RELATIVE,
    "test_nmf_minibatchnmf_equivalence[0]": RELATIVE,
    "test_nmf_minibatchnmf_equivalence[0.5]": RELATIVE,
}
"""Which of them fail, and the reason of principle."""


def their_tests():
    """Theirs by name, of a module of our own that imported our names."""
    found = importlib.util.find_spec("sklearn.decomposition.tests.test_nmf")
    module = importlib.util.module_from_spec(found)
    ours = {"NMF": NMF, "non_negative_factorization": non_negative_factorization}
    with mock.patch.multiple(sklearn.decomposition, **ours):
        found.loader.exec_module(module)
    others = ("test_minibatch", "test_mbnmf")
    tests = {name: x for name, x in vars(module).items() if name.startswith("test_")}
    tests = {name: test for name, test in tests.items() if not name.startswith(others)}
    for test in tests.values():
        for mark in getattr(test, "pytestmark", []):
            if mark.name == "parametrize" and "Estimator" in mark.args[0]:
                cases = mark.args[1]  # estimators, or lists of one and its options
                cases[:] = [x for x in cases if x is NMF or (type(x) is list and NMF in x)]
    return tests


THEIRS = their_tests()
globals().update(THEIRS)


@pytest.fixture(autouse=True)
def _cannot_hold(request):
    reason = CANNOT_HOLD.get(request.node.name)
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


def test_ours_are_in_the_place_of_theirs():
    assert len(THEIRS) > 20
    for test in THEIRS.values():
        assert test.__globals__["NMF"] is NMF
        assert test.__globals__["non_negative_factorization"] is non_negative_factorization
    assert sklearn.decomposition.NMF is not NMF
