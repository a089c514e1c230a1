"""The HTTP service and the page: parse, call the verb, show. Nothing here is loaded by ``import lookalike``."""
