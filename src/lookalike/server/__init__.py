"""The HTTP service and the web page. A route parses a request, calls a verb and serialises its result.

``import lookalike`` loads nothing from here.
"""
