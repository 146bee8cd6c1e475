"""Groups of arrays: HDF5 and zarr, and the single-cell files that are written so."""
