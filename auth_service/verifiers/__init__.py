"""What those need who verify tokens without us: the published keys, credentials for the feeds, and who follows them."""
