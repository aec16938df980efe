"""What the gateway serves itself: its health, assets, the API's description and the page for that."""
