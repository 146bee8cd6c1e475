"""Arrays in NumPy's and MATLAB's files."""
