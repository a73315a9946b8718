"""How a model learns: what of a text, with which steps, for how long, and what comes of it."""
