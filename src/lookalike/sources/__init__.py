"""Where images come from: what a Source is, folders and files, published collections; volumes, masks, label tables."""
