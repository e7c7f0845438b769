"""The demonstration behind `make demo`: a newsletter from file to inbox, and the proof that it adds up.

It talks to the product as any client does, through the REST API and the public URLs; only the first API
user is made by a `manage.py` command.
"""
