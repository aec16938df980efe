"""What a browser keeps for us, which name it knows us by, and where it may be sent."""
