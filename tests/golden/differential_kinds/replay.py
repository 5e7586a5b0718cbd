"""Stub, filled below."""
