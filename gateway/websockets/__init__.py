"""WebSockets: asking for one, its frames, the tunnel that they travel through, and how long it may last."""
