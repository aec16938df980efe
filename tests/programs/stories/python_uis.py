"""Programs from PyPI that show pages of Python: most of them keep a WebSocket, or poll."""

from playwright.async_api import FilePayload, expect

from tests.programs.program import INSTALLED, Place, Program
from tests.programs.visit import Visit

SOCKET = {"websocket": "true"}
STREAMLIT = """
import streamlit as st
name = st.text_input("Your name")
if name:
    st.write(f"Hello {name}!")
uploaded = st.file_uploader("A file")
if uploaded:
    st.write(f"{len(uploaded.getvalue())} bytes")
    st.download_button("Take it back", uploaded.getvalue(), "back.txt")
"""
GRADIO = """
import sys, gradio
def greet(name):
    for end in range(1, len(name) + 1):
        yield f"Hello {name[:end]}"
with gradio.Blocks() as demo:
    name, out = gradio.Textbox(label="Name"), gradio.Textbox(label="Greeting")
    gradio.Button("Greet").click(greet, name, out)
    taken, size = gradio.File(label="Upload"), gradio.Textbox(label="Size")
    taken.upload(lambda path: str(len(open(path, "rb").read())), taken, size)
demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]))
"""
NICEGUI = """
import sys
from nicegui import ui
@ui.page("/")
def index():
    count = {"n": 0}
    label = ui.label("0 clicks")
    def click():
        count["n"] += 1
        label.text = f"{count['n']} clicks"
    ui.button("Click", on_click=click)
ui.run(host="127.0.0.1", port=int(sys.argv[1]), reload=False, show=False)
"""
MARIMO = """
import marimo
app = marimo.App()
@app.cell
def _():
    import marimo as mo
    return (mo,)
@app.cell
def _(mo):
    x = mo.ui.text(label="Word")
    x
    return (x,)
@app.cell
def _(mo, x):
    mo.md(f"Backwards: {x.value[::-1]}")
    return
if __name__ == "__main__":
    app.run()
"""
DASH = """
import sys, dash
from dash import dcc, html, Input, Output
app = dash.Dash()
app.layout = html.Div([dcc.Input(id="a", value=""), html.P(id="b")])
@app.callback(Output("b", "children"), Input("a", "value"))
def shout(value):
    return (value or "").upper() + "!"
app.run(host="127.0.0.1", port=sys.argv[1], debug=False)
"""
BOKEH = """
from bokeh.io import curdoc
from bokeh.models import Button, Div
from bokeh.layouts import column
button, div = Button(label="Count"), Div(text="0 times")
n = [0]
def count():
    n[0] += 1
    div.text = f"{n[0]} times"
button.on_click(count)
curdoc().add_root(column(button, div))
"""
PANEL = """
import panel as pn
pn.extension()
word = pn.widgets.TextInput(name="Word")
pn.Column(word, pn.bind(lambda word: f"Backwards: {word[::-1]}", word)).servable()
"""


def _python(name: str, text: str, place: Place) -> list[str]:
    path = place.write("app.py", text)
    return [str(INSTALLED / name / "bin" / "python"), str(path), str(place.port)]


def _start_streamlit(place: Place) -> list[str]:
    program = str(INSTALLED / "streamlit" / "bin" / "streamlit")
    options = ["--server.headless", "true", "--browser.gatherUsageStats", "false", "--server.address", "127.0.0.1"]
    public = place.public_url.rpartition(":")[2]
    named = ["--browser.serverAddress", "localhost", "--browser.serverPort", public]  # whose WebSockets it takes
    return [program, "run", str(place.write("app.py", STREAMLIT)), "--server.port", str(place.port), *options, *named]


async def _visit_streamlit(visit: Visit) -> None:
    async with visit.page() as page:
        field = page.get_by_label("Your name")
        await field.fill("Grace")
        await field.press("Enter")
        await expect(page.get_by_text("Hello Grace!")).to_be_visible(timeout=20_000)
        file = FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"x" * 5000)
        await page.locator("input[type=file]").set_input_files(file)
        await expect(page.get_by_text("5000 bytes")).to_be_visible(timeout=20_000)
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Take it back").click()
        assert (await (await download.value).path()).stat().st_size == 5000


async def _visit_gradio(visit: Visit) -> None:
    async with visit.page() as page:
        await page.get_by_label("Name").fill("Grace")
        await page.get_by_role("button", name="Greet").click()
        await expect(page.get_by_label("Greeting")).to_have_value("Hello Grace", timeout=20_000)
        file = FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"x" * 5000)
        await page.locator("input[type=file]").first.set_input_files(file)
        await expect(page.get_by_label("Size")).to_have_value("5000", timeout=20_000)


async def _visit_nicegui(visit: Visit) -> None:
    async with visit.page() as page:
        for _ in range(3):
            await page.get_by_role("button", name="Click").click()
        await expect(page.get_by_text("3 clicks")).to_be_visible(timeout=20_000)


def _start_marimo(place: Place) -> list[str]:
    program = str(INSTALLED / "marimo" / "bin" / "marimo")
    options = ["--headless", "--no-token", "--host", "127.0.0.1", "--port", str(place.port)]
    return [program, "run", str(place.write("app.py", MARIMO)), *options]


async def _visit_marimo(visit: Visit) -> None:
    async with visit.page() as page:
        field = page.get_by_label("Word")
        await field.fill("abc")
        await field.press("Enter")
        await expect(page.get_by_text("Backwards: cba")).to_be_visible(timeout=20_000)


async def _visit_dash(visit: Visit) -> None:
    async with visit.page() as page:
        await page.locator("#a").fill("hello")
        await expect(page.locator("#b")).to_have_text("HELLO!", timeout=20_000)


def _start_bokeh(place: Place) -> list[str]:
    origin = place.public_url.removeprefix("http://")
    allowed = ["--allow-websocket-origin", origin, "--allow-websocket-origin", f"localhost:{place.port}"]
    program = str(INSTALLED / "bokeh" / "bin" / "bokeh")
    return [program, "serve", str(place.write("app.py", BOKEH)), "--port", str(place.port), *allowed]


async def _visit_bokeh(visit: Visit) -> None:
    async with visit.page("/app") as page:
        for _ in range(3):
            await page.get_by_role("button", name="Count").click()
        await expect(page.get_by_text("3 times")).to_be_visible(timeout=20_000)


def _start_panel(place: Place) -> list[str]:
    origin = place.public_url.removeprefix("http://")
    allowed = ["--allow-websocket-origin", origin, "--allow-websocket-origin", f"localhost:{place.port}"]
    program = str(INSTALLED / "panel" / "bin" / "panel")
    return [program, "serve", str(place.write("app.py", PANEL)), "--port", str(place.port), *allowed]


async def _visit_panel(visit: Visit) -> None:
    async with visit.page("/app") as page:
        field = page.get_by_label("Word")
        await field.fill("abc")
        await field.press("Enter")
        await expect(page.get_by_text("Backwards: cba")).to_be_visible(timeout=20_000)


PROGRAMS = [
    Program(
        "streamlit",
        "PyPI",
        ("streamlit",),
        _start_streamlit,
        _visit_streamlit,
        "a text field by WebSocket, an upload, a download",
        words=SOCKET,
    ),
    Program(
        "gradio",
        "PyPI",
        ("gradio",),
        lambda place: _python("gradio", GRADIO, place),
        _visit_gradio,
        "a function that streams its result as server-sent events, an upload",
        environment={"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"},
    ),
    Program(
        "nicegui",
        "PyPI",
        ("nicegui",),
        lambda place: _python("nicegui", NICEGUI, place),
        _visit_nicegui,
        "clicks by Socket.IO",
        words=SOCKET,
    ),
    Program("marimo", "PyPI", ("marimo",), _start_marimo, _visit_marimo, "a reactive notebook", words=SOCKET),
    Program("dash", "PyPI", ("dash",), lambda place: _python("dash", DASH, place), _visit_dash, "a callback by POST"),
    Program("bokeh", "PyPI", ("bokeh",), _start_bokeh, _visit_bokeh, "clicks by WebSocket", words=SOCKET),
    Program("panel", "PyPI", ("panel",), _start_panel, _visit_panel, "a text field by WebSocket", words=SOCKET),
]
