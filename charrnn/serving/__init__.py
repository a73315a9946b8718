"""A model as a server: OpenAI's protocol for completions, all texts that are asked for written as one batch.

What is asked (:mod:`~charrnn.serving.asking`), how it is answered (:mod:`~charrnn.serving.telling`) and who writes
(:mod:`~charrnn.serving.engine`) know nothing of the network.
"""
