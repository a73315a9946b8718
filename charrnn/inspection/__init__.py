"""What can be seen inside a checkpoint, as plain data; drawing it is somebody else's work."""

from charrnn.inspection.fit import Fit, judge
from charrnn.inspection.summary import summarize

__all__ = ["Fit", "judge", "summarize"]
