"""What the gateway answers itself: its state, assets, the API's description and its page."""
