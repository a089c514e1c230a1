"""The HTTP contract: every request body and answer as a type, written once. The page's types are generated from it."""
