"""There as a name alone."""
