"""Files of vectors that somebody published: .npy, .npz, HDF5, Parquet, and FAISS indexes that hold the vectors as they
are. They are read in a decoding process that may open these files and no other (``worker``); nothing is unpickled, and
FAISS's own loader, which trusts the sizes that a file names, is not called.
"""
