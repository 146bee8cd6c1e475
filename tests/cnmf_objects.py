"""Objects of the package ``cnmf`` on simulated counts; also for ``bench/cnmf_factorize.py``."""

import contextlib
import io
import warnings

import numpy as np
import pandas as pd


def simulated(cells, genes, programs, depth, seed=0):
    """Counts of cells × genes, and the programs behind them: gamma-Poisson, as of Splatter.

    Genes have means of their own, which in each program some exceed; cells have sizes, and use few
    programs. Zappia, Phipson and Oshlack, Genome Biology 18, 2017.
    """
    rng = np.random.default_rng(seed)
    spectra = np.tile(rng.lognormal(0, 1, genes), (programs, 1))
    raised = rng.random(spectra.shape) < 0.1
    spectra[raised] *= rng.lognormal(1.5, 0.4, raised.sum())
    spectra /= spectra.sum(axis=1, keepdims=True)
    usage = rng.dirichlet(np.full(programs, 0.3), cells)
    mean = rng.lognormal(np.log(depth), 0.3, cells)[:, None] * (usage @ spectra)
    counts = rng.poisson(mean * rng.gamma(10, 0.1, mean.shape))
    names = [f"cell{i}" for i in range(cells)], [f"gene{j}" for j in range(genes)]
    return pd.DataFrame(counts.astype(float), *names), spectra


@contextlib.contextmanager
def their_words():
    """What cNMF and the packages beneath it print and warn of is no matter of ours."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def prepared(cnmf, folder, counts, ranks, runs, **options):
    """A cNMF object after its `prepare`."""
    cnmf.save_df_to_npz(counts, folder / "counts.df.npz")
    with their_words():
        obj = cnmf.cNMF(str(folder), "it")
        obj.prepare(str(folder / "counts.df.npz"), ranks, runs, seed=14, **options)
    return obj
