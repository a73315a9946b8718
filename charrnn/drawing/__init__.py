"""What is to be seen, and how it is drawn: in a terminal, as a picture, on a page."""
