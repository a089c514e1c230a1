"""Routes by subject: parse, call the verb, return."""
