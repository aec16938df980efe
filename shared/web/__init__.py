"""HTTP as every service uses it: bodies, routes, errors, pages, calls to one another."""
