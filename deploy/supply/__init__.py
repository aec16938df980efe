"""What Gatepost is made of: the list of its libraries, and whether they are known to be vulnerable."""
