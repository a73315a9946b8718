"""Drawing: what is to be seen, as plain data (``figure``), and how it is drawn in a terminal, as a picture, on a page.

It knows no models: whatever says what it wants to show in a :class:`charrnn.drawing.figure.Figure` is
drawn everywhere.
"""
