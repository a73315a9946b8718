"""Recurrent cells, a file each."""
