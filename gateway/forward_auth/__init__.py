"""Forward auth: another proxy, in front, asks for the decision alone."""
