"""How Gatepost is built, run and looked after."""
