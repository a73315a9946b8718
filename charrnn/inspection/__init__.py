"""What can be seen inside a model, as plain data; drawing it is somebody else's work.

One file for each view of ``charrnn inspect``; a notebook can use them as well.
"""

from charrnn.inspection.following import Following, read_following
from charrnn.inspection.neurons import Neurons, Unit, activation, find_neurons
from charrnn.inspection.summary import summarize
from charrnn.inspection.surprise import Surprise, read_surprise

__all__ = [
    "Following",
    "Neurons",
    "Surprise",
    "Unit",
    "activation",
    "find_neurons",
    "read_following",
    "read_surprise",
    "summarize",
]
