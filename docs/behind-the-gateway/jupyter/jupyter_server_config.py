"""Jupyter behind the gateway."""

c = get_config()  # noqa: F821 - Jupyter gives it

c.ServerApp.base_url = "/jupyter/"
c.ServerApp.root_dir = "notebooks"
c.ServerApp.open_browser = False
# Host is the public one: the gateway lets no other pass.
c.ServerApp.allow_remote_access = True
# Who may come here is for the gateway to say. The address above must be one that nobody else can reach.
c.IdentityProvider.token = ""
c.PasswordIdentityProvider.hashed_password = ""
c.PasswordIdentityProvider.password_required = False
