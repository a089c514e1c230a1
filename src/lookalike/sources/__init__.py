"""Sources of images: files and folders, published collections, plug-ins; volumes, masks and label tables."""
