"""HTTP/1.1 on both sides: clients' connections, upstreams' connections, and the exchange between the two."""
