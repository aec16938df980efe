"""What the auth service publishes: changes of users, and ends of sessions; and how other services call it."""
