"""Models for elsewhere: files that other programs read, and the way back."""
