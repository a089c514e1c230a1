"""Tuning: training an encoder's own network on a gallery's pictures, and judging it on a part that it has not seen.

``pictures`` reads them once, ``parts`` chooses what is left untouched, ``networks`` makes a network trainable and gives
its changed weights back, ``views`` varies the pictures, ``losses`` and ``training`` train, ``judged`` compares.
"""
