"""Bounce mailboxes: reaching them (`opening`), reading them empty (`scanning`), trying one (`checking`)."""
