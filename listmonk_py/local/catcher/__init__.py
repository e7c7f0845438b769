"""A mail catcher: an SMTP server that delivers nothing, with an inbox to look at what would have gone out."""
