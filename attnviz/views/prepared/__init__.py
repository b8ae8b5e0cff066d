"""What is drawn, decided once: cells, their place on the colour scale, labels, captions.

Tables, pictures and pages draw a prepared form and decide nothing, so they cannot disagree. Each form is in a module
of its own, loaded where it is needed.
"""
