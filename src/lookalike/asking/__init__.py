"""What is asked, who may answer, and how the answers are ranked."""
