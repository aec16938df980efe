"""What passwords are taken, and how they are hashed and verified."""
