"""Load against the running services and against what people would use instead. See README.md beside this file."""
