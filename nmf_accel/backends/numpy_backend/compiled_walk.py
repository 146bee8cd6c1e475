"""Least squares with thin factors in compiled loops, in place of BLAS, which makes little of it.

A tile of columns after the other is multiplied, moved by the rule, moved on, and multiplied again
while it is in cache. `thin` calls those functions whose names have no underscore. All is in this
file, since numba looks at no other one before it takes what it has kept on disk.
"""

from __future__ import annotations

import numba
import numpy as np

from .tiles import Space

TILE = 256
"""Columns of a tile."""

DEEP = 512
"""Terms of a sum that are added up one after the other, before they join the others."""

# 'contract' and 'reassoc': a multiplication and an addition may be one operation, and a sum be made
# in parts. NaN still passes through. Types are those that are met, as in `compiled`.
OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}
compiled = numba.njit(cache=True, **OPTIONS)
# A call takes 0.1 µs or more, since it hands on all that arrays consist of: of 60 × 40, a twelfth.
inlined = numba.njit(inline="always", **OPTIONS)


@compiled
def _space(d, like):  # type: ignore[no-untyped-def]
    """Space for factors of so many rows, of a dtype like that of an array."""
    tile, old = np.empty((d, TILE), like.dtype), np.empty((d, TILE), like.dtype)
    return Space(tile, old, np.empty(TILE, like.dtype), np.empty((4, TILE), like.dtype))


@compiled
def walk(A, sideways, Y, G, rule, X, ahead, ends, new, further, N, K):  # type: ignore[no-untyped-def]
    """Move X (d, n) between two `ends`, given Y and its Y Yᵀ; what descent met.

    A is by rows; it is the transpose if it lies `sideways`. Fills in `new`, which may be X, and
    `further` where that is wanted; adds the model of Y to N and K.
    """
    (d, m), first = Y.shape, np.int64(0)  # for a 0 as such, numba compiles what is called anew
    products, space = np.empty((d, TILE), X.dtype), _space(d, X)
    tile = space.tile
    met = 0.0
    for start in range(ends[0], ends[1], TILE):
        width = min(TILE, ends[1] - start)
        products[:, :width] = 0
        if sideways:
            _across(Y, first, A, start, start + width, first, m, products, start)
        else:
            _along(Y, first, A, first, m, start, start + width, products, start, space.part)
        met += _move(X, start, width, products, first, G, rule, space)
        new[:, start : start + width] = tile[:, :width]
        if ahead.moves:
            for k in range(d):
                for c in range(width):
                    x = tile[k, c] + ahead.push * (tile[k, c] - ahead.before[k, start + c])
                    x = x if x > 0 else X.dtype.type(0)
                    tile[k, c] = further[k, start + c] = x
        if sideways:
            _along(tile, start, A, start, start + width, first, m, N, first, space.part)
        else:
            _across(tile, start, A, first, m, start, start + width, N, first)
        _across(tile, first, tile, first, d, first, width, K, first)
    return met


@compiled
def iterate(A, At, facts, rules, state, new, every, measured):  # type: ignore[no-untyped-def]
    """Go on with runs from a `state`: H (R, d, n), Wt, and WᵀW as it is carried, to a `new` one.

    `At` is A's transpose, `rules` are those of H and W. Of each `every`-th iteration `measured`
    (count, 2, R) is the squared error and what descent met.
    """
    (runs, d, n), m = state[0].shape, state[1].shape[2]
    (norm2, trusted), first = facts, np.int64(0)
    M, N, K = np.empty((d, n), A.dtype), np.empty((d, m), A.dtype), np.empty((d, d), A.dtype)
    space = _space(d, A)
    for r in range(runs):
        X, Y, G = new[0][r], new[1][r], new[2][r]
        X[:], Y[:], G[:] = state[0][r], state[1][r], state[2][r]
        for i in range(measured.shape[0] * every):
            met = _half(A, Y, G, rules[0], X, M, space)
            K[:] = 0
            _across(X, first, X, first, d, first, n, K, first)
            met += _half(At, X, K, rules[1], Y, N, space)
            G[:] = 0
            _across(Y, first, Y, first, d, first, m, G, first)
            if (i + 1) % every == 0:
                value = norm2 - 2 * _inner(N, Y) + _inner(G, K)
                value = value if value >= trusted else residual2(A, Y, X, first, m)
                measured[i // every, 0, r] = value
                measured[i // every, 1, r] = met


@inlined
def _half(A, Y, G, rule, X, N, space):  # type: ignore[no-untyped-def]
    """A half-step of X in place, and Y A in N; what descent met."""
    n, m, met, first = X.shape[1], Y.shape[1], 0.0, np.int64(0)
    N[:] = 0
    _along(Y, first, A, first, m, first, n, N, first, space.part)
    for start in range(0, n, TILE):
        width = min(TILE, n - start)
        met += _move(X, start, width, N, start, G, rule, space)
        for k in range(len(X)):
            for c in range(width):
                X[k, start + c] = space.tile[k, c]
    return met


@inlined
def _inner(x, y):  # type: ignore[no-untyped-def]
    """The sum of x * y, of rows in their dtype, of all in float64."""
    total = 0.0
    for k in range(x.shape[0]):
        row = x.dtype.type(0)
        for c in range(x.shape[1]):
            row += x[k, c] * y[k, c]
        total += row
    return total


@inlined
def _move(X, start, width, N, at, G, rule, space):  # type: ignore[no-untyped-def]
    """Some columns of X, moved in the tile; what descent met. Those of N begin `at` one."""
    for k in range(len(X)):
        for c in range(width):
            space.tile[k, c] = X[k, start + c]
    if rule.multiplicative:
        _multiply(width, N, at, G, rule, space)
        return 0.0
    return _descend(width, N, at, G, rule, space)


@inlined
def _descend(width, N, at, G, rule, space):  # type: ignore[no-untyped-def]
    """Move the tile as `compiled.descend` does; what it met."""
    tile, rest, zero, met = space.tile, space.rest, N.dtype.type(0), 0.0
    for k in range(len(tile)):
        x, products, g = tile[k], N[k, at : at + width], G[k, k] + rule.l2
        for c in range(width):
            rest[c] = rule.l1 + rule.l2 * x[c] - products[c]
        _add_rows(rest, tile, width, G[k])
        total = zero
        for c in range(width):
            y = rest[c]
            # Where X is zero, only a gradient that is negative is a violation.
            total += zero if x[c] < rule.least and y >= zero else abs(y)
        met += total
        if g > zero:
            for c in range(width):
                y = x[c] - rest[c] / g
                x[c] = zero if y < zero else y
    return met


@inlined
def _multiply(width, N, at, G, rule, space):  # type: ignore[no-untyped-def]
    """Move the tile by a multiplicative update."""
    tile, old, rest = space.tile, space.old, space.rest
    old[:, :width] = tile[:, :width]
    for k in range(len(tile)):
        x, products = tile[k], N[k, at : at + width]
        for c in range(width):
            rest[c] = rule.l1 + rule.l2 * x[c]
        _add_rows(rest, old, width, G[k])
        for c in range(width):
            x[c] *= products[c] / rest[c]


@inlined
def _add_rows(total, X, width, by):  # type: ignore[no-untyped-def]
    """Add the rows of X, each times a number: four at once, so that `total` is read less often."""
    d = X.shape[0]
    for j in range(0, d - 3, 4):
        a, b, e, f = by[j], by[j + 1], by[j + 2], by[j + 3]
        x, y, z, u = X[j], X[j + 1], X[j + 2], X[j + 3]
        for c in range(width):
            total[c] += a * x[c] + b * y[c] + e * z[c] + f * u[c]
    for j in range(d - d % 4, d):
        a, x = by[j], X[j]
        for c in range(width):
            total[c] += a * x[c]


@compiled
def _along(Y, first, A, top, end, left, right, into, at, part):  # type: ignore[no-untyped-def]
    """Add Y A, of some rows and columns of A: Y from row `first` on, `into` from column `at` on.

    Four rows of Y and of A at once, so that what is added to is read and written less often.
    """
    d = into.shape[0]
    for start in range(left, right, TILE):
        width = min(TILE, right - start)
        for high in range(top, end, DEEP):
            low = min(high + DEEP, end)
            fours = low - (low - high) % 4
            for k in range(0, d - 3, 4):
                p, q, r, s = part[0], part[1], part[2], part[3]
                part[:, :width] = 0
                for i in range(high, fours, 4):
                    x, y = A[i, start : start + width], A[i + 1, start : start + width]
                    z, w = A[i + 2, start : start + width], A[i + 3, start : start + width]
                    u = i - first
                    a0, a1, a2, a3 = Y[k, u], Y[k, u + 1], Y[k, u + 2], Y[k, u + 3]
                    b0, b1, b2, b3 = Y[k + 1, u], Y[k + 1, u + 1], Y[k + 1, u + 2], Y[k + 1, u + 3]
                    e0, e1, e2, e3 = Y[k + 2, u], Y[k + 2, u + 1], Y[k + 2, u + 2], Y[k + 2, u + 3]
                    f0, f1, f2, f3 = Y[k + 3, u], Y[k + 3, u + 1], Y[k + 3, u + 2], Y[k + 3, u + 3]
                    for c in range(width):
                        p[c] += a0 * x[c] + a1 * y[c] + a2 * z[c] + a3 * w[c]
                        q[c] += b0 * x[c] + b1 * y[c] + b2 * z[c] + b3 * w[c]
                        r[c] += e0 * x[c] + e1 * y[c] + e2 * z[c] + e3 * w[c]
                        s[c] += f0 * x[c] + f1 * y[c] + f2 * z[c] + f3 * w[c]
                for i in range(fours, low):
                    x = A[i, start : start + width]
                    for j in range(4):
                        a, row = Y[k + j, i - first], part[j]
                        for c in range(width):
                            row[c] += a * x[c]
                for j in range(4):
                    row, found = into[k + j, start - at : start - at + width], part[j]
                    for c in range(width):
                        row[c] += found[c]
            for k in range(d - d % 4, d):
                p = part[0]
                p[:width] = 0
                for i in range(high, fours, 4):
                    x, y = A[i, start : start + width], A[i + 1, start : start + width]
                    z, w = A[i + 2, start : start + width], A[i + 3, start : start + width]
                    u = i - first
                    a, b, e, f = Y[k, u], Y[k, u + 1], Y[k, u + 2], Y[k, u + 3]
                    for c in range(width):
                        p[c] += a * x[c] + b * y[c] + e * z[c] + f * w[c]
                for i in range(fours, low):
                    x, a = A[i, start : start + width], Y[k, i - first]
                    for c in range(width):
                        p[c] += a * x[c]
                row = into[k, start - at : start - at + width]
                for c in range(width):
                    row[c] += p[c]


@compiled
def _across(X, first, A, top, end, left, right, into, at):  # type: ignore[no-untyped-def]
    """Add X Aᵀ, of some rows and columns of A: X from column `first` on, `into` from row `at` on.

    Four rows of X and two of A at once, so that each is read less often.
    """
    d, zero = into.shape[0], A.dtype.type(0)
    for start in range(left, right, DEEP):
        width = min(DEEP, right - start)
        here, there = start - first, start - first + width
        pairs = end - (end - top) % 2
        for k in range(0, d - 3, 4):
            p, q = X[k, here:there], X[k + 1, here:there]
            r, s = X[k + 2, here:there], X[k + 3, here:there]
            for i in range(top, pairs, 2):
                x, y = A[i, start : start + width], A[i + 1, start : start + width]
                a = b = e = f = g = h = o = t = zero
                for c in range(width):
                    a += p[c] * x[c]
                    b += q[c] * x[c]
                    e += r[c] * x[c]
                    f += s[c] * x[c]
                    g += p[c] * y[c]
                    h += q[c] * y[c]
                    o += r[c] * y[c]
                    t += s[c] * y[c]
                j = i - at
                into[k, j] += a
                into[k + 1, j] += b
                into[k + 2, j] += e
                into[k + 3, j] += f
                into[k, j + 1] += g
                into[k + 1, j + 1] += h
                into[k + 2, j + 1] += o
                into[k + 3, j + 1] += t
            for i in range(pairs, end):
                x = A[i, start : start + width]
                for j in range(k, k + 4):
                    row, a = X[j, here:there], zero
                    for c in range(width):
                        a += row[c] * x[c]
                    into[j, i - at] += a
        for k in range(d - d % 4, d):
            p = X[k, here:there]
            for i in range(top, end):
                x, a = A[i, start : start + width], zero
                for c in range(width):
                    a += p[c] * x[c]
                into[k, i - at] += a


@compiled
def residual2(A, Y, X, start, stop):  # type: ignore[no-untyped-def]
    """The sum of the squares of A − YᵀX over some rows, in float64: two of them at once."""
    d, total = len(X), 0.0
    rest = np.empty((2, TILE), A.dtype)
    r, s = rest[0], rest[1]
    for left in range(0, A.shape[1], TILE):
        width = min(TILE, A.shape[1] - left)
        for i in range(start, stop, 2):
            j = min(i + 1, stop - 1)  # the same row where there is no other
            x, y = A[i, left : left + width], A[j, left : left + width]
            for c in range(width):
                r[c], s[c] = x[c], y[c]
            for k in range(0, d - 3, 4):
                x, y = X[k, left : left + width], X[k + 1, left : left + width]
                z, u = X[k + 2, left : left + width], X[k + 3, left : left + width]
                a, b, e, f = Y[k, i], Y[k + 1, i], Y[k + 2, i], Y[k + 3, i]
                g, h, o, t = Y[k, j], Y[k + 1, j], Y[k + 2, j], Y[k + 3, j]
                for c in range(width):
                    r[c] -= a * x[c] + b * y[c] + e * z[c] + f * u[c]
                    s[c] -= g * x[c] + h * y[c] + o * z[c] + t * u[c]
            for k in range(d - d % 4, d):
                x, a, g = X[k, left : left + width], Y[k, i], Y[k, j]
                for c in range(width):
                    r[c] -= a * x[c]
                    s[c] -= g * x[c]
            one = other = A.dtype.type(0)
            for c in range(width):
                one += r[c] * r[c]
                other += s[c] * s[c]
            total += np.float64(one)
            if j > i:
                total += np.float64(other)
    return total
