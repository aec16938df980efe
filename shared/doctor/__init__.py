"""``doctor``: what every service's looks at, what it finds, and how it says it."""
