"""Where images come from: folders, series, archives, published collections; their walk, their label tables."""
