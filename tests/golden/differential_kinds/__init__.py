"""What differential.py draws: a module a kind, and what they share."""
