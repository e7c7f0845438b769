"""The servers and processes of one machine: embedded PostgreSQL and Valkey, the supervisor, the mail catcher.

Knows processes, ports and files, and nothing about newsletters or Django models.
"""
