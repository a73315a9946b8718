"""The numeric core: recurrent layers, dropout and the loss, over plain arrays.

It knows nothing of text, files or printing. Layers hold no numbers: parameters, state, saved
activations and the random generator are arguments.
"""
