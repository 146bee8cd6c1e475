"""Tables: of text, parquet and feather."""
