"""Readers: one function for each kind of file, from a path to what it holds.

A reader of a matrix raises `ValueError` or `OSError` for a file that it cannot read, and says why;
`nmf_accel.datasets.load` says of which file.
"""
