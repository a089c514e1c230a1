"""Where labels come from: tables, folders, synthetic collections."""
