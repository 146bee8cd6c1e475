"""Write denoising_oracle.json: what the oracle makes of 500 noisy CryptoPunks, by rank.

Run from the repository's root: python tests/make_denoising_oracle.py (some minutes).
"""

import json
from pathlib import Path

import numpy as np
from reference import reference_nmf

from nmf_accel import datasets
from nmf_accel.study import DEFAULT_RANKS

FILE = Path(__file__).with_name("denoising_oracle.json")
SIGMA, NOISE_SEED = 0.1, 1


def main():
    A = datasets.cryptopunks(500).A
    noisy = datasets.add_noise(A, SIGMA, NOISE_SEED)
    found = {"fit_error_by_rank": {}, "clean_error_by_rank": {}}
    for rank in DEFAULT_RANKS:
        W, H, errors = reference_nmf(noisy, rank)
        found["fit_error_by_rank"][rank] = errors[-1]
        found["clean_error_by_rank"][rank] = np.linalg.norm(A - W @ H)
    FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
