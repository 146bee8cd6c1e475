"""``python -m nmf_accel.cli`` is the command, as it always was."""

from .group import main

main()
