"""Milvus as the engine of a gallery's indexes: a collection for each space, made from the store and kept in step with
it. Nothing is in it that the store has not.
"""
