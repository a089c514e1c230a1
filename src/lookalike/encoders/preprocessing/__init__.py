"""What is done to a picture before a network sees it, as published; and where the network's patches lie in it."""
