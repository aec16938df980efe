"""A process of an external service: answers whether it would refuse a token, by ``follower.py`` as documented.

It writes one line of JSON for each that it reads, and one when it has started.
"""

import json
import os
import sys

from follower import EndedSessions

ended = EndedSessions(
    os.environ["GATEPOST"], os.environ["CREDENTIAL"], os.environ["WHEN_CUT"], float(os.environ["PATIENCE"])
)
ended.start()
sys.stdout.write('"started"\n')
sys.stdout.flush()
for line in sys.stdin:
    sys.stdout.write(json.dumps(ended.refuses(json.loads(line))) + "\n")
    sys.stdout.flush()
