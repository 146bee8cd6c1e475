"""Pictures: one or many in a file, and folders of them."""
