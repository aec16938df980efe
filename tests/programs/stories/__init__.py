"""The programs and their stories, by where they come from."""
