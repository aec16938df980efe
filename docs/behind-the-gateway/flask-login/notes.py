"""Notes: an ordinary Flask application with accounts, sessions and form tokens of its own (Flask-Login, Flask-WTF).

Nothing in it is about Gatepost but ``ProxyFix``, which any application behind a proxy needs.
"""

import os
from typing import Any

from flask import Flask, redirect, render_template_string, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

PAGE = """<!doctype html>
<title>Notes</title>
{% macro form(action, button) %}
<form method="post" action="{{ action }}">
  <input type="hidden" name="csrf_token" value="{{ csrf_token() }}">{{ caller() }}<button>{{ button }}</button>
</form>
{% endmacro %}
{% if current_user.is_authenticated %}
  <h1>Notes of {{ current_user.id }}</h1>
  <ul>{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>
  {% call form(url_for("add_note"), "Add") %}<label>Note <input name="note"></label>{% endcall %}
  {% call form(url_for("log_out"), "Log out") %}{% endcall %}
{% else %}
  {% call form(url_for("log_in"), "Log in") %}
    <label>Name <input name="name"></label> <label>Password <input name="password" type="password"></label>
  {% endcall %}
{% endif %}
"""

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ["NOTES_SECRET"],
    SESSION_COOKIE_NAME="notes_session",  # several applications at one host must not share a name
)
# One proxy is ahead: its X-Forwarded-For, -Proto, -Host and -Prefix count.
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)  # type: ignore[method-assign]
CSRFProtect(app)
login_manager = LoginManager(app)
login_manager.login_view = "log_in"

PASSWORDS = {"ada": os.environ["ADAS_PASSWORD"]}
notes: list[str] = []


@login_manager.user_loader
def load_user(name: str) -> UserMixin | None:
    """Return whom the application's own session names."""
    user = UserMixin()
    user.id = name
    return user if name in PASSWORDS else None


@app.get("/")
@login_required
def show_notes() -> str:
    """Show the notes."""
    return render_template_string(PAGE, notes=notes)


@app.route("/login", methods=["GET", "POST"])
def log_in() -> Any:  # noqa: ANN401
    """Log in with a name and a password of the application's own."""
    name = request.form.get("name", "")
    user = load_user(name)
    if user and request.form["password"] == PASSWORDS[name]:
        login_user(user)
        return redirect(url_for("show_notes"))
    return render_template_string(PAGE)


@app.post("/notes")
@login_required
def add_note() -> Any:  # noqa: ANN401
    """Add a note, and show all of them."""
    notes.append(f"{request.form['note']} ({current_user.id})")
    return redirect(url_for("show_notes"))


@app.post("/logout")
@login_required
def log_out() -> Any:  # noqa: ANN401
    """End the application's own session; Gatepost's goes on."""
    logout_user()
    return redirect(url_for("log_in"))
