"""The policy: canonical paths, rules, the file they stand in, and what they decide. Pure but for what is in force."""
