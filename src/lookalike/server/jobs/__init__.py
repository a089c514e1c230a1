"""What takes long: queued, run one at a time in processes of their own."""
