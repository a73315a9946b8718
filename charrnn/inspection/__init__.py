"""What can be seen inside a model, as plain data; drawing it is somebody else's work.

One file for each view of ``charrnn inspect``; a notebook can use them as well.
"""

from charrnn.inspection.embedding import CharacterMap, character_map
from charrnn.inspection.following import Following, read_following
from charrnn.inspection.gates import GateActivity, gate_activity
from charrnn.inspection.gradients import GradientFlow, fresh_flows, gradient_flow
from charrnn.inspection.neurons import Neurons, Unit, activation, find_neurons
from charrnn.inspection.summary import summarize
from charrnn.inspection.surprise import Surprise, read_surprise
from charrnn.inspection.weights import last_updates, recurrences, spreads
from charrnn.training.fit import Fit, judge

__all__ = [
    "CharacterMap",
    "Fit",
    "Following",
    "GateActivity",
    "GradientFlow",
    "Neurons",
    "Surprise",
    "Unit",
    "activation",
    "character_map",
    "find_neurons",
    "fresh_flows",
    "gate_activity",
    "gradient_flow",
    "judge",
    "last_updates",
    "read_following",
    "read_surprise",
    "recurrences",
    "spreads",
    "summarize",
]
