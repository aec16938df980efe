"""Programs that Debian has packages of; the operator installs those."""

import json
import os
import shutil
import sqlite3
import subprocess

from playwright.async_api import FilePayload, expect

from tests.programs.program import Place, Program
from tests.programs.visit import Visit

APACHE = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
User www-data
Group www-data
{modules}
ScriptSock {folder}/cgi.sock
TypesConfig /etc/mime.types
SetEnv GIT_PROJECT_ROOT {folder}/git
SetEnv GIT_HTTP_EXPORT_ALL 1
SetEnv HOME {folder}
SetEnv GITWEB_CONFIG {folder}/gitweb.conf
SetEnv CGIT_CONFIG {folder}/cgitrc
AllowEncodedSlashes NoDecode
ScriptAlias /git/ /usr/lib/git-core/git-http-backend/
ScriptAlias /gitweb /usr/share/gitweb/gitweb.cgi
Alias /static/ /usr/share/gitweb/static/
ScriptAlias /cgit /usr/lib/cgit/cgit.cgi
<Location />
  Require all granted
</Location>
"""
MODULES = ("mpm_event", "authz_core", "alias", "cgid", "env", "dir", "mime")
ADMINER = """<?php
function adminer_object() {
    class AnyPassword extends Adminer { function login($login, $password) { return true; } }
    return new AnyPassword;
}
include "/usr/share/adminer/adminer.php";
"""
MAGNET = "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a&dn=sample"


def _start_apache(place: Place) -> list[str]:
    modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in MODULES)
    conf = place.write("apache.conf", APACHE.format(folder=place.folder, port=place.port, modules=modules))
    place.write("gitweb.conf", f'$projectroot = "{place.folder}/git"; $stylesheets[0] = "/static/gitweb.css";\n')
    place.write("cgitrc", f"virtual-root=/cgit\nscan-path={place.folder}/git\nenable-index-links=1\n")
    work, bare = place.folder / "work", place.folder / "git" / "sample.git"
    place.write("work/C# notes [1]/a b.txt", "the content\n")
    git = ["git", "-c", "user.name=Grace", "-c", "user.email=grace@example.com", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "First"]):
        subprocess.run([*git, *command], cwd=work, check=True)
    subprocess.run([*git, "clone", "-q", "--bare", str(work), str(bare)], check=True)
    subprocess.run([*git, "-C", str(bare), "config", "http.receivepack", "true"], check=True)
    subprocess.run(["chmod", "-R", "a+rwX", str(place.folder)], check=True)
    place.write(".gitconfig", "[safe]\n\tdirectory = *\n").chmod(0o644)
    return ["apache2", "-f", str(conf), "-D", "FOREGROUND"]


async def _visit_git(visit: Visit) -> None:
    proof = [f"http.extraHeader=Authorization: {value}" for value in visit.bearer.values()]
    environment = {"HOME": str(visit.folder), "GIT_TERMINAL_PROMPT": "0"}
    git = [
        "git",
        *(part for each in proof for part in ("-c", each)),
        "-c",
        "user.name=G",
        "-c",
        "user.email=g@g.example",
    ]
    await visit.run(*git, "clone", "-q", f"{visit.url}/git/sample.git", "copy", environment=environment)
    copy = visit.folder / "copy"
    assert (copy / "C# notes [1]" / "a b.txt").read_text() == "the content\n"
    (copy / "large").write_bytes(os.urandom(8_000_000))
    for command in (("add", "."), ("commit", "-qm", "Large"), ("push", "-q", "origin", "HEAD:refs/heads/feature/a#b")):
        await visit.run(*git, "-C", str(copy), *command, environment=environment)
    branches = await visit.run(*git, "-C", str(copy), "ls-remote", "origin", environment=environment)
    assert "refs/heads/feature/a#b" in branches


async def _visit_gitweb(visit: Visit) -> None:
    async with visit.page("/gitweb/") as page:
        await page.get_by_role("link", name="sample.git").first.click()
        await page.get_by_role("link", name="tree", exact=True).first.click()
        await page.get_by_role("link", name="C# notes [1]").click()
        await page.get_by_role("link", name="a b.txt").click()
        await expect(page.get_by_text("the content")).to_be_visible()
        await page.get_by_role("link", name="raw").click()
        await expect(page.get_by_text("the content")).to_be_visible()


async def _visit_cgit(visit: Visit) -> None:
    async with visit.page("/cgit/") as page:
        await page.get_by_role("link", name="sample").first.click()
        await page.get_by_role("link", name="tree", exact=True).click()
        await page.get_by_role("link", name="C# notes [1]").click()
        await page.get_by_role("link", name="a b.txt").click()
        await expect(page.get_by_text("the content")).to_be_visible()


def _start_dokuwiki(place: Place) -> list[str]:
    site = place.folder / "site"
    shutil.copytree("/usr/share/dokuwiki", site)
    shutil.copytree("/etc/dokuwiki", site / "conf")
    shutil.copytree("/var/lib/dokuwiki/data", site / "data", symlinks=False)
    (site / "conf" / "local.php").write_text(f"<?php\n$conf['useacl'] = 0;\n$conf['savedir'] = '{site}/data';\n")
    where = f"define('DOKU_CONF', '{site}/conf/');\ndefine('DOKU_INC', '{site}/');\n"
    (site / "inc" / "preload.php").write_text(f"<?php\n{where}")
    for name in (
        "pages",
        "attic",
        "cache",
        "index",
        "locks",
        "media",
        "meta",
        "tmp",
        "log",
        "media_attic",
        "media_meta",
    ):
        (site / "data" / name).mkdir(exist_ok=True, parents=True)
    return ["php", "-S", f"127.0.0.1:{place.port}", "-t", str(site)]


async def _visit_dokuwiki(visit: Visit) -> None:
    async with visit.page("/doku.php?id=plans:2027") as page:
        await page.get_by_role("link", name="Create this page").first.click()
        await page.locator("#wiki__text").fill("====== Plans ======\n\nWrite it; 100% [[plans:other|more]]\n")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="Plans")).to_be_visible()
        await page.goto("/doku.php?id=start&do=search&q=" + "write%25")
        await page.goto("/lib/exe/mediamanager.php?ns=&edid=wiki__text")
        file = FilePayload(name="a b#1.txt", mimeType="text/plain", buffer=b"x" * 500)
        await page.locator("input[type=file]").first.set_input_files(file)
        await page.get_by_role("button", name="Upload").click()
        await expect(page.get_by_text("a_b_1.txt").first).to_be_visible()


def _start_adminer(place: Place) -> list[str]:
    site = place.write("site/index.php", ADMINER).parent
    with sqlite3.connect(place.folder / "books.db") as database:
        database.execute("create table [a/b c%] (id integer primary key, title text)")
    return ["php", "-S", f"127.0.0.1:{place.port}", "-t", str(site)]


async def _visit_adminer(visit: Visit) -> None:
    database = str(visit.folder.parent / "books.db")
    async with visit.page("/?sqlite=&username=") as page:
        await page.locator("select[name='auth[driver]']").select_option("sqlite")
        await page.locator("input[name='auth[db]']").fill(database)
        await page.get_by_role("button", name="Login").click()
        await page.get_by_role("link", name="a/b c%").first.click()
        await page.get_by_role("link", name="New item").click()
        await page.locator("[name='fields[title]']").fill("100% [x] | y; z")
        await page.get_by_role("button", name="Save", exact=True).click()
        await page.get_by_role("link", name="Select data").click()
        await expect(page.get_by_text("100% [x] | y; z")).to_be_visible()


def _start_prometheus(place: Place) -> list[str]:
    job = {"job_name": "itself", "static_configs": [{"targets": [f"127.0.0.1:{place.port}"]}]}
    path = place.write("prometheus.json", json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
    return [
        "prometheus",
        f"--config.file={path}",
        f"--storage.tsdb.path={place.folder}/data",
        f"--web.listen-address=127.0.0.1:{place.port}",
    ]


async def _visit_prometheus(visit: Visit) -> None:
    await visit.sign_in()
    async with visit.page("/graph") as page:
        await page.wait_for_timeout(5000)  # it has looked at itself
        await page.goto("/graph?g0.expr=up%7Bjob%3D%22itself%22%7D&g0.tab=1")
        await expect(page.get_by_text('up{instance="').first).to_be_visible(timeout=20_000)
        await page.goto("/classic/targets")
        await expect(page.get_by_text("itself").first).to_be_visible()
    found = await visit.client.get("/api/v1/label/job/values")
    assert found.json()["data"] == ["itself"], found.text
    asked = await visit.client.post("/api/v1/query", data={"query": 'rate(up{job=~"it.*|x"}[1m])'})
    assert asked.json()["status"] == "success", asked.text


def _start_exporter(place: Place) -> list[str]:
    return ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{place.port}"]


async def _visit_exporter(visit: Visit) -> None:
    path = "/node/metrics" if visit.person else "/metrics"
    found = await visit.client.get(path, headers=visit.bearer)
    assert "node_load1" in found.text, f"{found.status_code} {found.text[:200]}"


def _start_syncthing(place: Place) -> list[str]:
    options = ["--no-browser", "--no-default-folder", "--no-restart", f"--home={place.folder}/home"]
    return ["syncthing", "serve", *options, f"--gui-address=127.0.0.1:{place.port}"]


async def _visit_syncthing(visit: Visit) -> None:
    async with visit.page() as page:
        await page.get_by_role("button", name="Add Folder").click(timeout=30_000)
        await page.locator("#folderLabel").fill("Notes #1")
        await page.locator("#folderPath").fill(str(visit.folder / "notes"))
        await page.locator("#editFolder").get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Notes #1").first).to_be_visible(timeout=20_000)
        assert (visit.folder / "notes").is_dir()


def _start_transmission(place: Place) -> list[str]:
    options = ["-f", "-g", str(place.folder / "settings"), "-w", str(place.folder), "-r", "127.0.0.1", "-O"]
    return ["transmission-daemon", *options, "-p", str(place.port), "-T", "--no-utp", "-y"]


async def _visit_transmission(visit: Visit) -> None:
    async with visit.page("/transmission/web/") as page:
        await page.locator("#toolbar-open").click()
        await page.locator("#torrent_upload_url").fill(MAGNET)
        await page.locator("#upload_confirm_button").click()
        await expect(page.locator(".torrent_name")).to_have_text("sample", timeout=20_000)


def _start_aria2(place: Place) -> list[str]:
    return ["aria2c", "--enable-rpc", f"--rpc-listen-port={place.port}", "--rpc-secret=secret", f"--dir={place.folder}"]


async def _visit_aria2(visit: Visit) -> None:
    await visit.sign_in()
    call = {"jsonrpc": "2.0", "id": "1", "method": "aria2.addUri", "params": ["token:secret", [f"{visit.url}/missing"]]}
    added = await visit.client.post("/jsonrpc", json=call)
    assert added.json()["result"], added.text
    async with visit.empty_page() as page:
        version = await page.evaluate(
            """(url) => new Promise((resolve, reject) => {
                const socket = new WebSocket(url);
                socket.onopen = () => socket.send(JSON.stringify(
                    {jsonrpc: "2.0", id: "2", method: "aria2.getVersion", params: ["token:secret"]}));
                socket.onmessage = (event) => resolve(JSON.parse(event.data).result.version);
                socket.onclose = (event) => reject(new Error("closed with " + event.code));
            })""",
            visit.url.replace("http", "ws", 1) + "/jsonrpc",
        )
        assert version.startswith("1.")


SOCKET = {"websocket": "true"}

PROGRAMS = [
    Program(
        "git",
        "Debian",
        ("apache2", "git", "git-http-backend"),
        _start_apache,
        _visit_git,
        "clone, and a push of 8 MB to a branch named feature/a#b, by token",
        access="protected",
        words={"max_body": "1073741824"},
    ),
    Program("gitweb", "Debian", ("apache2", "git"), _start_apache, _visit_gitweb, "to a file in a folder named C#"),
    Program(
        "cgit",
        "Debian",
        ("apache2", "git", "cgit.cgi"),
        _start_apache,
        _visit_cgit,
        "to a file in a folder named C#",
        words={"paths": '"encoded"'},
    ),
    Program("dokuwiki", "Debian", ("php",), _start_dokuwiki, _visit_dokuwiki, "a page written, a file uploaded"),
    Program("adminer", "Debian", ("php",), _start_adminer, _visit_adminer, "its own login, a row written and found"),
    Program(
        "prometheus", "Debian", ("prometheus",), _start_prometheus, _visit_prometheus, "a query, its targets, its API"
    ),
    Program(
        "node-exporter",
        "Debian",
        ("prometheus-node-exporter",),
        _start_exporter,
        _visit_exporter,
        "its metrics, which are at /metrics",
        access="protected",
        matcher='["/node/:path*"]',
        words={"strip": '"/node"'},
    ),
    Program("syncthing", "Debian", ("syncthing",), _start_syncthing, _visit_syncthing, "a folder added in its GUI"),
    Program(
        "transmission",
        "Debian",
        ("transmission-daemon",),
        _start_transmission,
        _visit_transmission,
        "a magnet link added",
    ),
    Program(
        "aria2", "Debian", ("aria2c",), _start_aria2, _visit_aria2, "JSON-RPC, by POST and WebSocket", words=SOCKET
    ),
]
