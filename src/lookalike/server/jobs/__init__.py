"""Background jobs: queued, and run one at a time in processes of their own."""
