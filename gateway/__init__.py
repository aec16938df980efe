"""The gateway: what may pass. It filters ahead of the services, which decide again, and has no database."""
