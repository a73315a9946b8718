"""What a model makes of text: writing it, scoring it, and whether what it wrote is copied."""
