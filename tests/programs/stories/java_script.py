"""Programs from npm, and small servers on libraries of it that many are made with."""

import json

from playwright.async_api import expect

from tests.programs.program import INSTALLED, Place, Program
from tests.programs.visit import Visit

CHAT = """
const http = require("http").createServer((request, response) => {
  response.setHeader("Content-Type", "text/html");
  response.end(`<input id=word><ul id=said></ul><p id=by></p><script src="/socket.io/socket.io.js"></script><script>
    const socket = io();
    word.onchange = () => socket.emit("said", word.value);
    socket.on("said", (text) => { said.append(Object.assign(document.createElement("li"), {textContent: text})); });
    setInterval(() => { by.textContent = socket.io.engine?.transport.name; }, 100);
  </script>`);
});
const io = new (require("socket.io").Server)(http);
io.on("connection", (socket) => socket.on("said", (text) => io.emit("said", text)));
http.listen(Number(process.argv[2]), "127.0.0.1");
"""
EXPRESS = """
const express = require("express"), session = require("express-session");
const app = express();
app.use(express.urlencoded({ extended: false }), express.json({ limit: "50mb" }));
app.use(session({ secret: "x", resave: false, saveUninitialized: false }));
app.get("/", (request, response) => response.send(request.session.name
  ? `Hello ${request.session.name} <form method=post action=/logout><button>Leave</button></form>`
  : `<form method=post action=/login><input name=name><button>Enter</button></form>`));
app.post("/login", (request, response) => { request.session.name = request.body.name; response.redirect("/"); });
app.post("/logout", (request, response) => request.session.destroy(() => response.redirect("/")));
app.use("/api", (request, response) => response.json({ method: request.method, query: request.query,
  path: request.path, headers: request.headers, size: JSON.stringify(request.body || null).length }));
app.listen(Number(process.argv[2]), "127.0.0.1");
"""
WEBPACK = """
module.exports = {
  mode: "development", entry: "./entry.js", devtool: false,
  devServer: { host: "127.0.0.1", port: %d, allowedHosts: "all", client: { webSocketURL: "auto://0.0.0.0:0/ws" } },
};
"""
ENTRY = """
import { text } from "./text.js";
const show = (text) => { document.body.innerHTML = `<h1>${text}</h1><p>${window.loaded}</p>`; };
window.loaded = window.loaded || Math.random();
show(text);
module.hot.accept("./text.js", () => show(require("./text.js").text));
"""


def _node(name: str, text: str, place: Place) -> list[str]:
    (place.folder / "node_modules").symlink_to(INSTALLED / name / "node_modules")
    return ["node", str(place.write("app.js", text)), str(place.port)]


def _bin(name: str, command: str) -> str:
    return str(INSTALLED / name / "node_modules" / ".bin" / command)


async def _visit_chat(visit: Visit) -> None:
    async with visit.page() as one, visit.page() as other:
        await expect(other.locator("#by")).to_have_text("websocket", timeout=20_000)
        await one.locator("#word").fill("hello")
        await one.locator("#word").press("Enter")
        await expect(other.locator("li")).to_have_text(["hello"], timeout=20_000)


async def _visit_express(visit: Visit) -> None:
    async with visit.page() as page:
        await page.locator("input").fill("Grace [H.]")
        await page.get_by_role("button", name="Enter").click()
        await expect(page.get_by_text("Hello Grace [H.]")).to_be_visible()
        await page.get_by_role("button", name="Leave").click()
        await expect(page.get_by_role("button", name="Enter")).to_be_visible()
    await visit.sign_in()
    own = {"X-Api-Key": "k", "X-CSRFToken": "c", "X-Requested-With": "XMLHttpRequest", "X-Custom": "1"}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = await visit.client.request(method, "/api/a%20b?x[y]=1&t=a|b;c", headers=own, json={"n": 1})
        seen = answer.json()
        assert (seen["method"], seen["path"], seen["query"]["t"]) == (method, "/a%20b", "a|b;c"), seen
        assert all(seen["headers"][name.lower()] == value for name, value in own.items()), seen
    large = await visit.client.post("/api/large", json={"text": "x" * 5_000_000})
    assert large.json()["size"] > 5_000_000, large.text


def _start_json_server(place: Place) -> list[str]:
    books = [{"id": number, "title": f"Book {number}"} for number in range(30)]
    path = place.write("db.json", json.dumps({"books": books}))
    options = ["--host", "127.0.0.1", "--port", str(place.port), "--watch"]
    return [_bin("json-server", "json-server"), *options, str(path)]


async def _visit_json_server(visit: Visit) -> None:
    await visit.sign_in()
    listed = await visit.client.get("/books?_page=2&_limit=10&title_like=Book&_sort=id")
    assert len(listed.json()) == 10
    assert listed.headers["x-total-count"] == "30"
    assert 'rel="next"' in listed.headers["link"]
    created = await visit.client.post("/books", json={"title": "Dune"})
    assert created.status_code == 201, created.text
    url = f"/books/{created.json()['id']}"
    assert (await visit.client.patch(url, json={"title": "Dune 2"})).json()["title"] == "Dune 2"
    assert (await visit.client.put(url, json={"title": "Dune 3"})).status_code == 200
    assert (await visit.client.delete(url)).status_code == 200
    unchanged = await visit.client.get("/books/1")
    again = await visit.client.get("/books/1", headers={"If-None-Match": unchanged.headers["etag"]})
    assert again.status_code == 304


def _start_http_server(place: Place) -> list[str]:
    for name in (
        "a b.txt",
        "C#.txt",
        "100%.txt",
        "why?.txt",
        "[x].txt",
        "a;b.txt",
        "한국어.txt",
        "a+b&c=d.txt",
        "x^y|z.txt",
    ):
        place.write(f"files/{name}", name)
    (place.folder / "files" / "large.bin").write_bytes(b"x" * 30_000_000)
    options = ["-a", "127.0.0.1", "-p", str(place.port), "--cors", "-c", "60"]
    return [_bin("http-server", "http-server"), "files", *options]


async def _visit_http_server(visit: Visit) -> None:
    async with visit.page() as page:
        names = [name for name in await page.locator("a").all_inner_texts() if name.endswith(".txt")]
        assert len(names) == 9, names
        for name in names:
            await page.goto("/")
            await page.get_by_role("link", name=name, exact=True).click()
            await expect(page.locator("body")).to_have_text(name)
    await visit.sign_in()
    large = await visit.client.get("/large.bin", headers={"Range": "bytes=1000000-25999999"})
    assert (large.status_code, len(large.content)) == (206, 25_000_000)


def _start_node_red(place: Place) -> list[str]:
    place.write("settings.js", "module.exports = { flowFile: 'flows.json', uiHost: '127.0.0.1' };")
    return [_bin("node-red", "node-red"), "--userDir", str(place.folder), "--port", str(place.port)]


async def _visit_node_red(visit: Visit) -> None:
    flow = [
        {"id": "f", "type": "tab", "label": "Flow"},
        {
            "id": "in",
            "z": "f",
            "type": "http in",
            "url": "/hello/:name",
            "method": "get",
            "x": 1,
            "y": 1,
            "wires": [["t"]],
        },
        {
            "id": "t",
            "z": "f",
            "type": "template",
            "template": "Hello {{req.params.name}}",
            "x": 2,
            "y": 1,
            "wires": [["o"]],
        },
        {"id": "o", "z": "f", "type": "http response", "x": 3, "y": 1},
        {
            "id": "i",
            "z": "f",
            "type": "inject",
            "payload": "ping",
            "payloadType": "str",
            "x": 1,
            "y": 2,
            "wires": [["d"]],
        },
        {
            "id": "d",
            "z": "f",
            "type": "debug",
            "active": True,
            "tosidebar": True,
            "complete": "payload",
            "x": 2,
            "y": 2,
        },
    ]
    async with visit.page() as page:
        await expect(page.locator("#red-ui-header-button-deploy")).to_be_visible(timeout=30_000)
        deployed = await page.evaluate(
            """async (flow) => (await fetch("flows", {method: "POST", body: JSON.stringify(flow), headers: {
            "Content-Type": "application/json", "Node-RED-API-Version": "v1", "Node-RED-Deployment-Type": "full",
            }})).status""",
            flow,
        )
        assert deployed == 204, deployed
        said = page.evaluate(
            """() => new Promise((resolve) => { RED.comms.subscribe("debug", (topic, data) => resolve(data.msg)); })"""
        )
        await page.wait_for_timeout(1500)
        assert await page.evaluate("""async () => (await fetch("inject/i", {method: "POST"})).status""") == 200
        assert await said == "ping"
    await visit.sign_in()
    assert (await visit.client.get("/hello/Grace")).text == "Hello Grace"


def _start_webpack(place: Place) -> list[str]:
    (place.folder / "node_modules").symlink_to(INSTALLED / "webpack-dev-server" / "node_modules")
    place.write("webpack.config.js", WEBPACK % place.port)
    place.write("entry.js", ENTRY)
    place.write("text.js", "export const text = 'Before';")
    place.write("public/index.html", "<!doctype html><body><script src=/main.js></script></body>")
    return [_bin("webpack-dev-server", "webpack"), "serve"]


async def _visit_webpack(visit: Visit) -> None:
    async with visit.page() as page:
        await expect(page.get_by_role("heading", name="Before")).to_be_visible(timeout=30_000)
        loaded = await page.locator("p").inner_text()
        await page.wait_for_timeout(1500)  # its WebSocket opens
        (visit.folder.parent / "text.js").write_text("export const text = 'After';")
        await expect(page.get_by_role("heading", name="After")).to_be_visible(timeout=30_000)
        assert await page.locator("p").inner_text() == loaded  # replaced, not reloaded


def _start_tiddlywiki(place: Place) -> list[str]:
    place.write(
        "wiki/tiddlywiki.info",
        json.dumps({"plugins": ["tiddlywiki/tiddlyweb", "tiddlywiki/filesystem"], "themes": ["tiddlywiki/vanilla"]}),
    )
    return [_bin("tiddlywiki", "tiddlywiki"), "wiki", "--listen", "host=127.0.0.1", f"port={place.port}"]


async def _visit_tiddlywiki(visit: Visit) -> None:
    async with visit.page() as page:
        await page.wait_for_function("() => window.$tw && $tw.wiki && $tw.syncer")
        await page.evaluate("() => $tw.wiki.addTiddler({title: 'Plans/2027 #1', text: 'Write it down'})")
        await page.wait_for_function("() => !$tw.syncer.isDirty()", timeout=15_000)
    await visit.sign_in()
    saved = await visit.client.get("/recipes/default/tiddlers/Plans%2F2027%20%231")
    assert (saved.status_code, saved.json()["text"]) == (200, "Write it down"), saved.text


PROGRAMS = [
    Program(
        "socket.io",
        "npm",
        ("socket.io",),
        lambda place: _node("socket.io", CHAT, place),
        _visit_chat,
        "a chat of two browsers, first by polls and then by WebSocket",
        words={"websocket": "true"},
    ),
    Program(
        "express",
        "npm",
        ("express", "express-session"),
        lambda place: _node("express", EXPRESS, place),
        _visit_express,
        "sessions by its own cookie, an API with headers of its own, 5 MB of JSON",
        words={"max_body": "104857600"},
    ),
    Program("json-server", "npm", ("json-server@0.17",), _start_json_server, _visit_json_server, "all of REST, ETags"),
    Program(
        "http-server",
        "npm",
        ("http-server",),
        _start_http_server,
        _visit_http_server,
        "files with every odd name, a range of 25 MB",
        words={"paths": '"encoded"'},
    ),
    Program(
        "node-red",
        "npm",
        ("node-red",),
        _start_node_red,
        _visit_node_red,
        "its editor, a flow deployed, a debug message by WebSocket",
        words={"websocket": "true", "max_body": "10485760"},
    ),
    Program(
        "webpack-dev-server",
        "npm",
        ("webpack", "webpack-cli", "webpack-dev-server"),
        _start_webpack,
        _visit_webpack,
        "a module replaced while the page stays",
        words={"websocket": "true"},
    ),
    Program(
        "tiddlywiki",
        "npm",
        ("tiddlywiki",),
        _start_tiddlywiki,
        _visit_tiddlywiki,
        "a note saved whose title has / and #",
        further_rules='[[rule]]\nmatcher = ["/recipes/:path*", "/bags/:path*"]\naccess = "protected"\n'
        'upstream = "program"\npaths = "raw"\n',
    ),
]
