"""Maps of many records: where each lies in a plane, the file that keeps it, the groups that show, and their names."""
