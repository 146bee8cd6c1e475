"""``python -m nmf_accel`` is the command ``nmf-accel``."""

from .cli import main

main(prog_name="nmf-accel")
