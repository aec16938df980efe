"""What Gatepost is made of: whether its libraries are known to be vulnerable, and the list of them."""
