"""Mail that came back to a bounce mailbox: what it says, as a pure function of its bytes (`reading.read`)."""
