"""HTTP/1.1 on both sides: clients' connections, upstreams' connections, and one exchange between the two."""
