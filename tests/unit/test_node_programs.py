"""The tests' own programs that answer line by line: whoever asks gets their own answer."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait

from tests.support.node import NodeProgram

ECHO = "import os\nwhile asked := os.read(0, 65536):\n    os.write(1, asked)"
QUESTIONS = ["first", "second"]


def test_two_answers_at_once() -> None:
    """Answers that come together each reach the one who asked; it may be nobody but a test that has given up."""
    echo = subprocess.Popen([sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with echo, ThreadPoolExecutor() as threads:
        program = NodeProgram(echo)
        try:
            echo.send_signal(signal.SIGSTOP)
            answers = [threads.submit(program.ask, question) for question in QUESTIONS]
            wait(answers, timeout=0.2)
            echo.send_signal(signal.SIGCONT)
            assert [answer.result(timeout=10) for answer in answers] == QUESTIONS
        finally:
            echo.kill()
