"""Files of our own: checkpoints, and the arrays in them."""
