"""Forward auth: another proxy stands in front and asks for the decision alone."""
