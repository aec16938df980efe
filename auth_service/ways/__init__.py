"""The ways to sign in: each a module that turns a request into a proof; and NextAuth's protocol, which asks for one."""
