"""Programs from PyPI that serve pages, files or packages, some with accounts of their own."""

import sqlite3
import zipfile
from pathlib import Path

from playwright.async_api import expect

from tests.programs.program import INSTALLED, Place, Program
from tests.programs.visit import Visit

FLASK_ADMIN = """
import sys
from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.fileadmin import FileAdmin
from flask_admin.contrib.sqla import ModelView
from flask_sqlalchemy import SQLAlchemy
app = Flask(__name__)
app.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI="sqlite:///" + sys.argv[0] + ".db")
db = SQLAlchemy(app)
class Book(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(100))
class Books(ModelView):
    column_editable_list = ["title"]
    column_filters = ["title"]
admin = Admin(app, name="Shelf")
admin.add_view(Books(Book, db.session if "--direct" in sys.argv else db.session))
admin.add_view(FileAdmin(sys.argv[2], name="Files"))
with app.app_context():
    db.create_all()
app.run("127.0.0.1", int(sys.argv[1]))
"""
DJANGO = """
import os, sys
from django.conf import settings
settings.configure(
    DEBUG=True, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True, STATIC_URL="/static/",
    INSTALLED_APPS=["django.contrib." + each for each in
        ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
        "context_processors": ["django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]}}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.abspath("django.db")}},
)
import django
django.setup()
from django.contrib import admin
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import path
urlpatterns = [path("admin/", admin.site.urls)]
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
User.objects.filter(username="root").exists() or User.objects.create_superuser("root", "root@example.com", "secret")
application = StaticFilesHandler(get_wsgi_application())
"""
WHEEL_NAME = "gatepost_sample-1.0-py3-none-any.whl"
METADATA = "Metadata-Version: 2.1\nName: gatepost-sample\nVersion: 1.0\n"


def make_wheel(folder: Path) -> str:
    """Write a small package, and return its file's name."""
    info = "gatepost_sample-1.0.dist-info"
    with zipfile.ZipFile(folder / WHEEL_NAME, "w") as wheel:
        wheel.writestr("gatepost_sample.py", "NAME = 'sample'\n" + "#" * 2_000_000)
        wheel.writestr(f"{info}/METADATA", METADATA)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return WHEEL_NAME


def _program(name: str, command: str) -> str:
    return str(INSTALLED / name / "bin" / command)


def _start_datasette(place: Place) -> list[str]:
    with sqlite3.connect(place.folder / "books.db") as database:
        database.execute("create table [a/b c%] (id integer primary key, title text, kind text)")
        database.executemany("insert into [a/b c%] (title, kind) values (?, ?)", [("C#", "x"), ("50%", "y")] * 60)
    path = str(place.folder / "books.db")
    return [_program("datasette", "datasette"), "serve", path, "--port", str(place.port)]


async def _visit_datasette(visit: Visit) -> None:
    async with visit.page() as page:
        await page.get_by_role("link", name="books", exact=True).first.click()
        await page.get_by_role("link", name="a/b c%").first.click()
        await expect(page.get_by_role("heading", name="a/b c%")).to_be_visible()
        await page.get_by_role("link", name="Next page").click()
        await expect(page.get_by_text("50%").first).to_be_visible()
        query = "/books?sql=select+*+from+[a/b+c%25]+where+title+%3D+:t&t=C%23&_facet=kind"
        await page.goto(query)
        await expect(page.get_by_text("C#").first).to_be_visible()
    await visit.sign_in()
    rows = await visit.client.get("/books.json?sql=select+1+as+one")
    assert rows.status_code == 200, rows.text
    export = await visit.client.get("/books/a~2Fb~20c~25.csv?_stream=on&_size=max")
    assert export.text.count("\n") == 121, export.text[:100]


def _start_mkdocs(place: Place) -> list[str]:
    place.write("mkdocs.yml", "site_name: Handbook\n")
    place.write("docs/index.md", "# Welcome\n\nA handbook.\n")
    place.write("docs/a page.md", "# A page\n")
    address = f"127.0.0.1:{place.port}"
    return [_program("mkdocs", "mkdocs"), "serve", "--dev-addr", address, "--livereload"]


async def _visit_mkdocs(visit: Visit) -> None:
    async with visit.page() as page:
        await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
        await page.get_by_role("link", name="A page").first.click()
        await expect(page.get_by_role("heading", name="A page")).to_be_visible()
        await page.goto("/")
        await page.wait_for_timeout(1500)  # its poll begins, and lasts until a file changes
        (visit.folder.parent / "docs" / "index.md").write_text("# Changed\n")
        await expect(page.get_by_role("heading", name="Changed")).to_be_visible(timeout=20_000)


def _start_sphinx(place: Place) -> list[str]:
    place.write("docs/conf.py", "project = 'Handbook'\n")
    place.write("docs/index.rst", "Welcome\n=======\n")
    options = ["--port", str(place.port), "--host", "127.0.0.1"]
    return [_program("sphinx-autobuild", "sphinx-autobuild"), "docs", "out", *options]


async def _visit_sphinx(visit: Visit) -> None:
    async with visit.page() as page:
        await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
        await page.wait_for_timeout(1500)  # its WebSocket opens
        (visit.folder.parent / "docs" / "index.rst").write_text("Changed\n=======\n")
        await expect(page.get_by_role("heading", name="Changed")).to_be_visible(timeout=20_000)


def _start_flask_admin(place: Place) -> list[str]:
    place.write("files/C#/a b.txt", "x")
    app = str(place.write("app.py", FLASK_ADMIN))
    return [_program("flask-admin", "python"), app, str(place.port), str(place.folder / "files")]


async def _visit_flask_admin(visit: Visit) -> None:
    async with visit.page("/admin/book/") as page:
        await page.get_by_role("link", name="Create").click()
        await page.locator("#title").fill("Dune [1965]; 100%")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("Dune [1965]; 100%")).to_be_visible()
        await page.goto("/admin/fileadmin/")
        file = page.get_by_role("link", name="C#")
        await file.click()
        await expect(page.get_by_role("link", name="a b.txt")).to_be_visible()
    await visit.sign_in()
    edited = await visit.client.post("/admin/book/ajax/update/", data={"list_form_pk": "1", "title": "Emma"})
    assert edited.status_code == 200, edited.text
    assert (await visit.client.get("/admin/fileadmin/download/C%23/a%20b.txt")).text == "x"


def _start_django(place: Place) -> list[str]:
    place.write("site_of_django.py", DJANGO)
    return [_program("django", "gunicorn"), "--bind", f"127.0.0.1:{place.port}", "site_of_django"]


async def _visit_django(visit: Visit) -> None:
    async with visit.page("/admin/") as page:
        await page.get_by_label("Username").fill("root")
        await page.get_by_label("Password").fill("secret")
        await page.get_by_role("button", name="Log in").click()
        await page.goto("/admin/auth/group/add/")
        await page.get_by_label("Name:").fill("editors [a|b]")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_role("link", name="editors [a|b]").first).to_be_visible()
        await page.goto("/admin/auth/user/?is_staff__exact=1&q=ro%3Bot")
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_text("Thanks for spending")).to_be_visible()


def _start_pypiserver(place: Place) -> list[str]:
    (place.folder / "packages").mkdir()
    place.write("htpasswd", "grace:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")  # "secret"
    options = ["--port", str(place.port), "--interface", "127.0.0.1", "--passwords", "htpasswd"]
    return [_program("pypiserver", "pypi-server"), "run", *options, "--authenticate", "update,download", "packages"]


async def _visit_pypiserver(visit: Visit) -> None:
    wheel = make_wheel(visit.folder)
    account = ("--username", "grace", "--password", "secret")
    await visit.run(_program("pypiserver", "twine"), "upload", "--repository-url", f"{visit.url}/", *account, wheel)
    index = f"http://grace:secret@{visit.authority}/simple/"
    options = ("--disable-pip-version-check", "--no-cache-dir", "--index-url", index, "--target", "installed")
    environment = {"PIP_CONFIG_FILE": "/dev/null"}
    await visit.run(_program("pypiserver", "pip"), "install", *options, "gatepost-sample", environment=environment)
    assert (visit.folder / "installed" / "gatepost_sample.py").exists()


def _start_devpi(place: Place) -> list[str]:
    place.write(
        "start.sh",
        f'set -e\ncd "$(dirname "$0")"\n{_program("devpi", "devpi-init")} --serverdir data --no-root-pypi >/dev/null\n'
        f"exec {_program('devpi', 'devpi-server')} --serverdir data --host 127.0.0.1 --port {place.port}\n",
    )
    return ["sh", str(place.folder / "start.sh")]


async def _visit_devpi(visit: Visit) -> None:
    devpi, wheel = _program("devpi", "devpi"), make_wheel(visit.folder)
    environment = {"DEVPI_CLIENTDIR": str(visit.folder / "client"), "PIP_CONFIG_FILE": "/dev/null"}
    for line in (
        f"use {visit.url}",
        "user -c grace password=secret",
        "login grace --password=secret",
        "index -c dev bases= volatile=True",
        "use grace/dev",
        f"upload {wheel}",
    ):
        await visit.run(devpi, *line.split(), environment=environment)
    index = f"{visit.url}/grace/dev/+simple/"
    options = ("--disable-pip-version-check", "--no-cache-dir", "--index-url", index, "--target", "installed")
    await visit.run(_program("devpi", "pip"), "install", *options, "gatepost-sample", environment=environment)
    assert (visit.folder / "installed" / "gatepost_sample.py").exists()


def _start_wsgidav(place: Place) -> list[str]:
    (place.folder / "files").mkdir()
    account = "simple_dc:\n  user_mapping:\n    '*': {grace: {password: secret}}\n"
    place.write("wsgidav.yaml", f"host: 127.0.0.1\nport: {place.port}\nprovider_mapping:\n  /: files\n{account}")
    return [_program("wsgidav", "wsgidav"), "--config", "wsgidav.yaml", "--server", "cheroot"]


async def visit_by_cadaver(visit: Visit) -> None:
    """Make a folder, put, move, lock, list and fetch files."""
    (visit.folder / ".netrc").write_text("machine localhost login grace password secret\n")
    (visit.folder / "C# notes.txt").write_text("x" * 3_000_000)
    (visit.folder / "session").write_text(
        'mkcol "a folder"\ncd "a folder"\nput "C# notes.txt"\nmove "C# notes.txt" "moved [1].txt"\n'
        'lock "moved [1].txt"\nunlock "moved [1].txt"\nls\n'
        'get "moved [1].txt" fetched\ndelete "moved [1].txt"\nquit\n'
    )
    printed = await visit.run("sh", "-c", f"cadaver {visit.url}/ < session", environment={"HOME": str(visit.folder)})
    failed = [line for line in printed.splitlines() if "failed" in line.lower()]
    assert not failed, failed
    assert (visit.folder / "fetched").stat().st_size == 3_000_000, printed[-400:]


DAV = '["OPTIONS", "GET", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "MKCOL", "MOVE", "COPY", "LOCK", "UNLOCK"]'
OWN_DAV = {"methods": DAV, "authorization": '"own"', "paths": '"encoded"', "max_body": "104857600"}

PROGRAMS = [
    Program("datasette", "PyPI", ("datasette",), _start_datasette, _visit_datasette, "tables, queries, a CSV export"),
    Program(
        "mkdocs", "PyPI", ("mkdocs<2", "click<8.2"), _start_mkdocs, _visit_mkdocs, "pages that reload, by long polls"
    ),
    Program(
        "sphinx-autobuild",
        "PyPI",
        ("sphinx-autobuild",),
        _start_sphinx,
        _visit_sphinx,
        "pages that reload, by WebSocket",
        words={"websocket": "true"},
        lacks="its script opens its WebSocket at the program's own address",
    ),
    Program(
        "flask-admin",
        "PyPI",
        ("flask-admin<2", "flask-sqlalchemy", "wtforms<3.2", "setuptools<81"),
        _start_flask_admin,
        _visit_flask_admin,
        "forms, an XHR edit, files in a folder named C#",
        words={"paths": '"encoded"'},
    ),
    Program("django", "PyPI", ("django", "gunicorn"), _start_django, _visit_django, "its admin, with its own login"),
    Program(
        "pypiserver",
        "PyPI",
        ("pypiserver", "passlib", "twine", "setuptools<81"),
        _start_pypiserver,
        _visit_pypiserver,
        "twine upload and pip install, by its own passwords",
        access="public",
        words={"authorization": '"own"', "max_body": "104857600"},
    ),
    Program(
        "devpi",
        "PyPI",
        ("devpi-server", "devpi-client"),
        _start_devpi,
        _visit_devpi,
        "login, an index, upload and pip install",
        access="public",
        words={"authorization": '"own"', "max_body": "104857600"},
    ),
    Program(
        "wsgidav",
        "PyPI",
        ("wsgidav", "cheroot"),
        _start_wsgidav,
        visit_by_cadaver,
        "WebDAV by cadaver, with its own login",
        access="public",
        words=OWN_DAV,
    ),
]
