"""Sessions: begun, refreshed, looked up, ended; when each was last used."""
