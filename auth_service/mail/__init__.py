"""Mail: proving an address, getting back into an account, and being told what happened to it. Off without SMTP_URL."""
