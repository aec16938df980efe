"""A port that accepts connections and never says a word."""

import socket
import threading

server = socket.create_server(("", 2500), backlog=1000)  # the kernel accepts for it
threading.Event().wait()
