"""What the command lines of the services share: arguments, what they print, files that they import."""
