"""Drawing on a page for a browser."""
