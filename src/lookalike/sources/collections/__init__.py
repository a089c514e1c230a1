"""Where labels come from: tables, folders, public collections as their authors publish them, synthetic ones."""
