"""The tables of the README: each function makes one, as lines of Markdown, of what was measured."""

from itertools import groupby

from nmf_accel import backends
from nmf_accel.solvers import fastest

NOTHING = "–"
NAMED = {"numpy": "NumPy", "openblas": "OpenBLAS", "jax": "JAX", "numba": "numba"}
NAMED["scikit-learn"] = "scikit-learn"
"""What the versions are told of."""


def table(head, lines):
    """A table of Markdown."""
    rule = ["---"] * len(head)
    return [
        "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
        for cells in (head, rule, *lines)
    ]


def ratio(x):
    return NOTHING if x is None else f"{x:.2f}"


def seconds(x):
    """To three digits where there are as many."""
    return NOTHING if x is None else f"{x:.{max(0, min(2, 3 - len(str(int(x)))))}f}"


def power(x):
    """A small number to two digits."""
    return NOTHING if x is None else f"{x:.1e}".replace("e-0", "e-").replace(".0e", "e")


def beside(rows, other, **case):
    """The ratios to that of the rows that are of a case, as ``float64 / float32`` and the like."""
    found = [row for row in rows if case.items() <= row.items() and other in row["ratios"]]
    return " / ".join(ratio(row["ratios"][other]) for row in found) or NOTHING


def cases(rows, *keys):
    """The cases that differ in these keys, in the order of the rows."""
    return list({repr(case): case for row in rows for case in [{k: row[k] for k in keys}]}.values())


def size(case):
    return f"{case['n']:,}, {case['rank']}"


def by_size(shape):
    return " × ".join(f"{length:,}" for length in shape)


def measured(rows):
    """Where all was measured, when, and with what: a sentence."""

    def each(values):
        return " and ".join(sorted(set(values)))

    dates = each(row["date"] for row in rows)
    on = each(f"{row['processor']}, {row['device']}" for row in rows if row["backend"] == "numpy")
    versions = (
        f"{name} {each(row['versions'][key] for row in rows if key in row['versions'])}"
        for key, name in NAMED.items()
    )
    return [f"{dates}, {on}: {', '.join(versions)}."]


def typical(rows):
    lines = [
        [
            f"{case['name'].replace(' x ', ' × ')}, {case['rank']}",
            *(beside(rows, "scikit-learn", **case, kernels=k) for k in ("compiled", "NumPy's own")),
        ]
        for case in cases(rows, "name", "rank")
    ]
    return table(["X, rank", "`nmf-accel[compiled]`", "NumPy alone"], lines)


def same(rows):
    lines = []
    for what, found in groupby(rows, lambda row: row["what"]):
        found = list(found)
        largest = [
            power(max((row[key] for row in found if key in row), default=None))
            for key in ("factors", "history")
        ]
        lines.append([what, *largest, power(found[0]["allowed"])])
    return table(["", "W, H", "error history", "allowed"], lines)


def iteration(rows):
    lines = []
    for case in cases(rows, "n", "rank"):
        numpy = {**case, "backend": "numpy"}
        to_numpy = beside(rows, "numpy", **case, backend="jax")
        others = [beside(rows, other, **numpy) for other in ("products", "scikit-learn")]
        lines.append([size(case), *others, to_numpy])
    return table(["N, rank", "to its products", "to scikit-learn", "JAX to NumPy"], lines)


def time_to_error(rows):
    """Ours to the target of the one, then that other one and ours to its target.

    The names of the targets end in their numbers of iterations.
    """
    ours = {"`hals`": "hals, inner 1", "`hals`, inner 5": "hals, inner 5"}
    halves = (
        {"`mu`": "mu", **ours, "`apg`": "apg, inner 10"},
        {"`cd`": "scikit-learn cd", **ours},
    )

    def reached(row, solver, target):
        found = {line["solver"]: line[list(row["errors"])[target]] for line in row["seconds_to"]}
        return seconds(found.get(solver))

    lines = []
    for case in cases(rows, "n", "rank"):
        found = [row for row in rows if case.items() <= row.items()]
        to_mu, to_cd = (
            [" / ".join(reached(row, x, target) for row in found) for x in half.values()]
            for target, half in enumerate(halves)
        )
        *_, iterations, _ = list(found[0]["errors"])[1].split()
        to_cd[0] += f" ({iterations})"
        lines.append([size(case), *to_mu, "", *to_cd])
    return table(["N, rank", *halves[0], "", *halves[1]], lines)


def extrapolated(rows):
    """Inner 1 / 3; beside plain runs at a quarter of the seconds, and at their end, and 'cd'."""
    lines = []
    for row in rows:
        targets = [list(found) for _, found in groupby(row["summary"], lambda line: line["beside"])]
        medians = [" / ".join(ratio(line["median"]) for line in target) for target in targets]
        worse = " / ".join(str(line["end worse"]) for line in targets[1])
        worse += f" of {len(targets[1][0]['ratios'])}"
        label = f"{size(row)}, {row['seconds']} s"
        lines.append([label, *[*medians, NOTHING][:3], worse])
    head = ["N, rank, time", "a quarter of it", "all of it", "`cd`", "ended worse"]
    return table(head, lines)


def sweep(rows):
    lines = []
    for case in cases(rows, "ranks", "seeds"):
        ranks = ", ".join(map(str, case["ranks"]))
        label = f"rank{'s' * (len(case['ranks']) > 1)} {ranks}, {case['seeds']} seeds"
        others = ("scikit-learn", "scikit-learn, joblib")
        lines.append([label, *(beside(rows, other, **case) for other in others)])
    head = [f"runs of {rows[0]['max_iter']} iterations", "to a loop", "to joblib"]
    return table(head, lines)


def sparse(rows):
    solvers = ("cd", "mu")
    lines = [
        [
            str(case["rank"]),
            *(beside(rows, "scikit-learn", **case, solver=solver) for solver in solvers),
        ]
        for case in cases(rows, "rank")
    ]
    return table([f"rank, {rows[0]['max_iter']} iterations", "to `cd`", "to `mu`"], lines)


WAYS = {"one by one": "one by one", "packed": "as one `sweep`"}


def small(rows):
    """Sentences."""
    lines = []
    for case in cases(rows, "shape", "ranks", "fits"):
        first, *ranks = map(str, case["ranks"])
        ranks = f"ranks {first}, {', '.join(ranks)}" if ranks else f"rank {first}"
        said = ", ".join(
            f"{WAYS[row['way']]} {beside([row], 'scikit-learn')}"
            for row in rows
            if case.items() <= row.items()
        )
        fits = f"{case['fits']:,} fits of {by_size(case['shape'])}, {ranks}"
        lines.append(f"{fits}: {said} of scikit-learn's time.")
    return lines


def losses(rows):
    dense = [row for row in rows if "threads" in row and row["backend"] == "numpy"]
    lines = [
        [
            f"{case['loss']}, {by_size(case['shape'])}, {case['rank']}",
            *(beside(dense, "scikit-learn", **case, threads=x) for x in (1, "all")),
        ]
        for case in cases(dense, "loss", "shape", "rank")
    ]
    sparse = [row for row in rows if "kernels" in row]
    lines += [
        [
            f"{case['loss']}, sparse {by_size(case['shape'])}, {case['rank']}, `{case['kernels']}`",
            NOTHING,
            beside(sparse, "scikit-learn", **case),
        ]
        for case in cases(sparse, "loss", "shape", "rank", "kernels")
    ]
    return table(["loss, A, rank", "one thread", "two"], lines)


def missing(rows):
    """Seconds; of the multiplicative updates, those that all had where they did not suffice."""
    solvers = {
        "`mu`": "mu",
        "weighted updates": "weighted mu",
        "`hals`": "hals",
        "`hals`, inner 3": "hals, inner 3",
        "extrapolated": "extrapolated",
        "extrapolated, inner 3": "extrapolated, inner 3",
    }

    def cell(row, solver):
        if solver in row["seconds_to"]:
            return f"{row['seconds_to'][solver]:.2g}"
        return f"> {row['limits']['mu']:g}" if solver.endswith("mu") else NOTHING

    dense = [row for row in rows if "part" in row]
    lines = [[f"{row['part']:.0%}", *(cell(row, x) for x in solvers.values())] for row in dense]
    return table(["missing", *solvers], lines)


def ratings(rows):
    """Sentences."""
    by_threads = {row["threads"]: row for row in rows if "threads" in row and "within" in row}
    row = by_threads["all"]
    memory = " and ".join(f"{row['memory'][x]:.1f}" for x in ("compiled", "NumPy's own"))
    text = (
        f"Ratings, {by_size(row['shape'])}, {row['stored']:,} known, rank {row['rank']}, `hals` "
        f"extrapolated, inner 3: memory at its peak is {memory} times that of A and the factors, "
        "`compiled` and with NumPy alone."
    )
    if row["within"]:
        exact, _, own, _ = (f"{x:g}" for x in row["within"])
        times = (f"{by_threads[x]['ratios']['seconds']:.1f}" for x in ("all", 1))
        text += (
            " The error of what was held out comes within 2 % of the best of a descent that is "
            f"exact for each column after {own} iterations to its {exact}, in "
            f"{' and '.join(times)} times its time, on two threads and on one, which it has."
        )
    (_, ends) = row["held_out"].items()
    return [f"{text} {ends[0].capitalize()} it is {row['ratios']['held out']:.3f} of that best."]


def taken(row):
    """What 'auto' takes now, whatever it took then, as ``test_auto.py`` calls it."""
    choice = fastest(backends.get(row["backend"]), row["chosen"]["dtype"], row["products"])
    repeats = f", inner {choice.inner}" * (choice.inner > 1)
    return ("extrapolated" if choice.extrapolate else choice.solver) + repeats


def auto(rows):
    """A sentence."""
    to = [
        [
            row["seconds_to"][target][taken(row)] / min(row["seconds_to"][target].values())
            for row in rows
        ]
        for target in rows[0]["seconds_to"]
    ]
    first, second = (f"{min(ratios):.2f} to {max(ratios):.2f}" for ratios in to)
    return [
        f"On the {len(rows)} matrices of the first table it comes to scikit-learn's error, to one "
        f"in a thousand, in {first} times the time of the fastest solver, and to 1.01 times the "
        f"best error of all in {second} (medians of random starts, `compiled`)."
    ]


def outside(rows):
    """A sentence."""
    each = ", ".join(
        f"{row['ratios']['iteration']:.2g} "
        f"({by_size(row['shape'])} {row['dtype']}, rank {row['rank']})"
        for row in rows
    )
    return [f"All else in a call takes as long as so many iterations: {each}."]
