"""The HTTP contract: every body and every answer as a type, written once. The page's types are made from it."""
