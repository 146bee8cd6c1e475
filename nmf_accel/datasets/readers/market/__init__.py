"""Matrix Market files, and the names that lie beside them."""
