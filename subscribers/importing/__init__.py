"""Bringing people in from CSV files: upload, read, check, merge; resumable, and no row is lost unseen."""
