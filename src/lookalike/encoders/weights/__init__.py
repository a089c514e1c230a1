"""Where weights lie on this machine, and how their files are checked and read."""
