"""Models: a loss with gradients over one flat parameter vector, one file for each task."""
