"""Reading and encoding on the nodes of a Ray cluster, behind what a ``ReaderPool`` offers."""
