"""What every service of ours does about HTTP: bodies, routes, errors, pages, calls to one another."""
