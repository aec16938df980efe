"""What speaks HTTP: the JSON API, NextAuth's protocol, the pages, and what other services ask."""
