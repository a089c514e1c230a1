"""What leaves a gallery as files that tell nobody who it is."""
