"""What the auth service tells the others as it happens: users that changed, sessions that ended; what they ask."""
