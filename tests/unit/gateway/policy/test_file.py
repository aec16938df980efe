"""The policy file: what it may say, and that an invalid file is refused at the line of the error."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.file import load_policy, parse_policy
from gateway.policy.methods import FORWARDED_METHODS
from gateway.policy.rules import DEFAULT_MAX_BODY, Access, PolicyInvalid, Rule, Source
from gateway.policy.upstreams import Replica, Upstream
from gateway.settings import DEFAULT_RULES
from shared.toml_lines import list_lines
from tests.support.policies import HEAD, SETTINGS, has, read, read_fault, rule

PREFIX = "must be a path of letters, digits, -, _, ~ and dots without a slash at its end, such as /app"
STRIP_NEEDS = "needs a service behind the gateway without session_cookies"
METHOD = "can't be named: methods are in capitals, such as GET or PROPFIND, and neither CONNECT nor TRACE"
NO_HOST = "is no name of a host: each part between dots has 1 to 63 characters"
HOST = "is not a host in lower case without a port, such as app.example.com"
NO_TIME = "must be seconds, more than 0 and 86400 at most"


def test_a_rule_has_sound_defaults() -> None:
    """What a rule leaves out: all forwarded methods, 1 MiB, no conditions, nothing more asked of the caller."""
    (found,) = read(rule("/a/:path*", "page")).rules
    assert (found.line, found.access, found.upstream, found.methods) == (3, Access.PAGE, "posts", FORWARDED_METHODS)
    assert (found.max_body, found.websocket, found.role, found.max_auth_age) == (DEFAULT_MAX_BODY, False, None, None)
    assert not found.is_narrowed
    assert [matcher.source for matcher in found.matchers] == ["/a/:path*"]


def test_a_rule_says_all_it_can() -> None:
    """Every word of a rule arrives in its value; HEAD comes with GET."""
    words = {"methods": '["GET", "OPTIONS"]', "max_body": "4096", "websocket": "true", "role": '"admin"'}
    words |= {"max_auth_age": "300", "has": has("header", "X-Beta", "on|yes"), "missing": has("query", "q")}
    (found,) = read(rule("/a", "protected", **words)).rules
    assert found.methods == {"GET", "HEAD", "OPTIONS"}
    assert (found.max_body, found.websocket, found.role, found.max_auth_age) == (4096, True, "admin", 300)
    ((condition,), (absent,)) = (found.has, found.missing)
    assert (condition.source, condition.key) == (Source.HEADER, "x-beta")
    assert condition.value is not None
    assert condition.value.accepts("yes")
    assert (absent.source, absent.key, absent.value) == (Source.QUERY, "q", None)


@pytest.mark.parametrize(
    ("value", "replicas"),
    [
        ('"http://posts:8002"', [("posts", 8002)]),
        ('"http://posts:8002/"', [("posts", 8002)]),
        ('"http://posts"', [("posts", 80)]),
        ('"${POSTS_URL}"', [("posts", 8002)]),
        ('["http://a:1", "http://[::1]:2"]', [("a", 1), ("::1", 2)]),
        ('"unix:/run/posts.sock"', [("/run/posts.sock", None)]),
        ('["unix:/run/a b.sock", "http://b"]', [("/run/a b.sock", None), ("b", 80)]),
    ],
)
def test_an_upstream_is_one_url_or_several(value: str, replicas: list[tuple[str, int | None]]) -> None:
    """An upstream's value is a URL, a Unix socket or a list of them, with settings put in by name."""
    policy = read(rule("/a"), head=f"[upstreams]\nposts = {value}\n")
    assert policy.upstreams == (Upstream("posts", tuple(Replica(*replica) for replica in replicas)),)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ('{ address = "http://posts:8002", answer_within = 9 }', 9),
        ('{ address = "http://posts:8002", answer_within = 0.5 }', 0.5),
        ('{ address = ["http://posts:8002"] }', None),
        ('"http://posts:8002"', None),
    ],
)
def test_an_upstream_may_be_granted_a_time(value: str, seconds: float | None) -> None:
    """An upstream's value may be a table, with the seconds that it has to begin an answer."""
    policy = read(rule("/a"), head=f"[upstreams]\nposts = {value}\n")
    assert policy.upstreams == (Upstream("posts", (Replica("posts", 8002),), seconds),)


def test_an_upstream_has_times_and_places_of_its_own() -> None:
    """It may be said how long a connection, silence and an unused connection may last, and how many there may be."""
    said = 'address = "http://posts:8002", connect_within = 0.5, silence = 3600, idle = 60, connections = 8'
    policy = read(rule("/a"), head=f"[upstreams]\nposts = {{ {said} }}\n")
    assert policy.upstreams == (
        Upstream("posts", (Replica("posts", 8002),), connect_within=0.5, silence=3600, idle=60, connections=8),
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{ answer_within = 9 }", "address: is missing"),
        ('{ address = "http://posts", answer_within = 0 }', f"answer_within: {NO_TIME}"),
        ('{ address = "http://posts", connect_within = -1.5 }', f"connect_within: {NO_TIME}"),
        ('{ address = "http://posts", silence = inf }', f"silence: {NO_TIME}"),
        ('{ address = "http://posts", idle = "3" }', f"idle: {NO_TIME}"),
        ('{ address = "http://posts", silence = nan }', f"silence: {NO_TIME}"),
        ('{ address = "http://posts", connections = 0.5 }', "connections: must be a positive integer"),
        ('{ address = "http://posts", answerwithin = 9 }', "answerwithin: unknown word"),
        ('{ address = "http://posts", session_cookies = 1 }', "session_cookies: must be true or false"),
        ('{ address = "ftp://posts" }', "address: 'ftp://posts' is not http://host:port or https://host:port"),
        ('{ address = ["http://posts", 1] }', "address: must be a text"),
    ],
)
def test_a_bad_table_of_an_upstream_is_refused(value: str, reason: str) -> None:
    """A table with an unknown word, or an invalid value, is refused at its line."""
    assert read_fault(rule("/a"), head=f"[upstreams]\nposts = {value}\n") == f"p.toml, line 2: {reason}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"ftp://posts"', "'ftp://posts' is not http://host:port or https://host:port"),
        ('"posts:8002"', "'posts:8002' is not http://host:port or https://host:port"),
        ('"http://"', "'http://' is not http://host:port or https://host:port"),
        ('"http://posts/x"', "'http://posts/x' is not http://host:port or https://host:port"),
        ('"http://u:p@posts"', "'http://u:p@posts' is not http://host:port or https://host:port"),
        ('"http://posts?x"', "'http://posts?x' is not http://host:port or https://host:port"),
        ('"http://po sts"', "'http://po sts' is not http://host:port or https://host:port"),
        ('"http://posts:0"', "'http://posts:0' is not http://host:port or https://host:port"),
        ('"http://posts:x"', "'http://posts:x' is not a URL"),
        ('"http://posts..internal"', f"'posts..internal' {NO_HOST}"),
        (f'"http://{"a" * 64}.internal"', f"'{'a' * 64}.internal' {NO_HOST}"),
        ('"http://[posts"', "'http://[posts' is not a URL"),
        ('"unix:posts.sock"', "'unix:posts.sock' is not unix:/path/of/a/socket"),
        ('"unix:"', "'unix:' is not unix:/path/of/a/socket"),
        ('"unix:/run/posts\\n"', r"'unix:/run/posts\n' is not unix:/path/of/a/socket"),
        ('"unix:/run/posts\\u0000"', r"'unix:/run/posts\x00' is not unix:/path/of/a/socket"),
        ('"${NOPE}"', "there is no setting NOPE"),
        ('"${BAD}"', "'ftp://posts' is not http://host:port or https://host:port"),
        ("7", "must be a text or a list of texts"),
        ("[]", "must be a text or a list of texts"),
    ],
)
def test_a_bad_upstream_is_refused(value: str, reason: str) -> None:
    """An upstream that is no plain http address is refused at its line."""
    assert read_fault(rule("/a"), head=f"[upstreams]\nposts = {value}\n") == f"p.toml, line 2: posts: {reason}"


@pytest.mark.parametrize(
    ("words", "line", "reason"),
    [
        ({"acess": '"page"'}, 7, "acess: unknown word"),
        ({"own_credentials": "true"}, 7, 'own_credentials: unknown word; it is authorization = "own" now'),
        ({"access": '"open"'}, 5, "access: unknown word 'open'; known are 'public', 'protected' or 'page'"),
        ({"access": "7"}, 5, "access: unknown word 7; known are 'public', 'protected' or 'page'"),
        ({"upstream": '"auth"'}, 6, "upstream: unknown word 'auth'; known are gateway, posts"),
        ({"matcher": '["/a", "/(b"]'}, 4, "matcher: '/(b': Unbalanced pattern at 1"),
        ({"matcher": "[]"}, 4, "matcher: must be a text or a list of texts"),
        ({"matcher": '"a"'}, 4, "matcher: 'a': A matcher must start with / at 0"),
        ({"methods": '["GET", "Fetch"]'}, 7, f"methods: 'Fetch' {METHOD}"),
        ({"methods": '["get"]'}, 7, f"methods: 'get' {METHOD}"),
        *(({"methods": f'"{method}"'}, 7, f"methods: '{method}' {METHOD}") for method in ("TRACE", "CONNECT", "PRI")),
        ({"methods": '["G T"]'}, 7, f"methods: 'G T' {METHOD}"),
        ({"methods": "[]"}, 7, "methods: must be a text or a list of texts"),
        ({"max_body": "0"}, 7, "max_body: must be a positive integer"),
        ({"max_body": "true"}, 7, "max_body: must be a positive integer"),
        ({"max_body": '"1M"'}, 7, "max_body: must be a positive integer"),
        ({"websocket": "1"}, 7, "websocket: must be true or false"),
        ({"websocket": "true", "methods": '["POST"]'}, 7, "websocket: needs the method GET"),
        ({"anonymous_forms": "1"}, 7, "anonymous_forms: must be true or false"),
        ({"anonymous_forms": "true"}, 7, "anonymous_forms: needs the access page and the method POST"),
        *(
            (
                {"access": '"page"', **asked, "anonymous_forms": "true"},
                8,
                "anonymous_forms: can't stand beside role or max_auth_age, which no service asks again",
            )
            for asked in ({"role": '"admin"'}, {"max_auth_age": "9"})
        ),
        (
            {"authorization": '"yes"'},
            7,
            "authorization: unknown word 'yes'; known are 'token', 'own' or 'none'",
        ),
        ({"identity": "true"}, 7, "identity: must be a list of names, or a table of names and what they say"),
        (
            {"identity": '["Remote-User", 7]'},
            7,
            "identity: must be a list of names, or a table of names and what they say",
        ),
        (
            {"identity": '["X-User"]'},
            7,
            "identity: unknown word 'X-User'; known are Remote-User, Remote-Email, Remote-Name, Remote-Groups",
        ),
        (
            {"identity": '{ X-User = "mail" }'},
            7,
            "identity: unknown word 'mail'; known are id, email, unproven-email, name, roles",
        ),
        ({"identity": '{ Host = "id" }'}, 7, "identity: the header Host can't name a caller"),
        ({"identity": '{ X_User = "id" }'}, 7, "identity: the header X_User can't name a caller"),
        ({"identity": '{ X-User = "id", x-user = "name" }'}, 7, "identity: names a header twice"),
        ({"paths": '"loose"'}, 7, "paths: unknown word 'loose'; known are 'strict', 'encoded' or 'raw'"),
        *(
            (
                {"strip": f'"{prefix}"'},
                7,
                f"strip: {PREFIX}",
            )
            for prefix in ("app", "/", "/app/", "/a//b", "/../a", "/a/.", "/:x", "/a%20b", "/안")
        ),
        ({"strip": '"/b"'}, 7, "strip: /a matches paths that are not below /b"),
        ({"matcher": '["/a:x"]', "strip": '"/a"'}, 7, "strip: /a:x matches paths that are not below /a"),
        (
            {"upstream": '"gateway"', "strip": '"/a"'},
            7,
            "strip: needs a service behind the gateway without session_cookies",
        ),
        *(
            ({"hosts": f'["a.example", "{host}"]'}, 7, f"hosts: '{host}' {HOST}")
            for host in ("App.example.com", "app.example.com:443", "https://app.example.com", "*.example.com", "")
        ),
        ({"cookies": '"all"'}, 7, "cookies: unknown word 'all'; known are 'none' or 'session'"),
        ({"upstream": '"gateway"', "cookies": '"session"'}, 7, "cookies: needs a service behind the gateway"),
        ({"authorization": "true"}, 7, "authorization: unknown word True; known are 'token', 'own' or 'none'"),
        ({"role": '"admin"'}, 7, "role: a public rule can't ask anything of its callers"),
        ({"max_auth_age": "9"}, 7, "max_auth_age: a public rule can't ask anything of its callers"),
        ({"role": '""'}, 7, "role: must be a text"),
        ({"has": "true"}, 7, "has: must be a list of tables"),
        ({"has": "[true]"}, 7, "has: must be a table"),
        ({"has": has("body", "x")}, 7, "type: unknown word 'body'; known are 'header', 'cookie', 'query' or 'host'"),
        ({"has": has("header", "x", "(")}, 7, "value: '(': Unterminated group at 1"),
        ({"has": '[{ type = "header" }]'}, 7, "has: a header has a key"),
        ({"has": '[{ type = "host" }]'}, 7, "has: a host has a value and no key"),
        ({"has": '[{ type = "host", key = "x", value = "y" }]'}, 7, "has: a host has a value and no key"),
        ({"has": '[{ key = "x" }]'}, 7, "type: is missing"),
        ({"missing": '[{ type = "header", key = "x", vlue = "y" }]'}, 7, "vlue: unknown word"),
    ],
)
def test_a_fault_in_a_rule_is_named_with_its_line(words: dict[str, str], line: int, reason: str) -> None:
    """An unknown word, a wrong type or a bad matcher stops the start with file, line and what is wrong."""
    assert read_fault(rule("/a", **words)) == f"p.toml, line {line}: {reason}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("[upstreams]\n", 1),
        (HEAD, 1),
        ("rule = []\n" + HEAD, 1),
        ("rule = 1\n" + HEAD, 1),
        (rule("/a"), 1),
        (HEAD + "[[rules]]\n", 3),
        (HEAD + "[extra]\n", 3),
        ("x = 1\n" + HEAD + rule("/a"), 1),
        (HEAD + "[[rule]]\nmatcher = [\n", 5),
        (HEAD + "[[rule]]\nmatcher = '''\n[[rule]]\n'''\n", 4),
        ('rule = [{ matcher = "/a" }]\n' + HEAD, 1),
        (HEAD + rule("/a") + "[rule.more]\n", 7),
        (HEAD + HEAD + rule("/a"), 3),
        ("rule = " + "[" * 5000, 1),
        ('upstreams = 1\n[[rule]]\nmatcher = "/a"\n', 1),
    ],
)
def test_a_file_of_another_shape_is_refused(text: str, line: int) -> None:
    """A policy is one [upstreams] and one [[rule]] or more, each under its own line."""
    with pytest.raises(PolicyInvalid) as fault:
        parse_policy(text, SETTINGS)
    assert fault.value.line == line


def test_a_misspelt_word_is_named_before_the_one_it_was_to_be() -> None:
    """A missing word is reported only where no other error explains it."""
    without = rule("/a").replace("access", "acess")
    assert read_fault(without) == "p.toml, line 5: acess: unknown word"
    assert read_fault(without.replace('acess = "public"\n', "")) == "p.toml, line 3: access: is missing"


@pytest.mark.parametrize("value", ["'{x}'", "'{'", "2000-01-01", "1.5", "{ a = 1 }", "[{ b = '}' }]", "inf"])
@pytest.mark.parametrize("word", ["matcher", "access", "upstream", "methods", "has", "max_body", "role", "websocket"])
def test_no_value_is_beyond_words(word: str, value: str) -> None:
    """Whatever stands where something else should, the error is reported at its line."""
    fault = read_fault(rule("/a"), rule("/b", **{word: value}))
    line = 8 + ["matcher", "access", "upstream"].index(word) if word in {"matcher", "access", "upstream"} else 11
    assert fault.startswith(f"p.toml, line {line}: {word if word != 'has' else ''}")


def test_the_first_fault_of_the_file_is_told() -> None:
    """Of several errors the first in the file is reported."""
    faults = [rule("/a"), rule("/b", max_body="0"), rule("/c", role="1")]
    assert read_fault(*faults) == "p.toml, line 11: max_body: must be a positive integer"


SPREAD = """
[upstreams]  # a comment with a [header] = in it
posts = "http://posts:8002"
other.address = "http://other:8003"
other.answer_within = 9

[upstreams.table]
address = [
  "http://a",  # ]
  "http://b",
]

[[rule]]
matcher = [
    "/a",
    '/b',
]
'access' = "public"
"upstream" = "posts"
role = '''
[[rule]]'''

[[ rule ]] # the second
matcher = "/c"
access = "public"
upstream = "table"

  [[rule.has]]
  type = "cookie"
  key = "a"

  [[rule.has]]
  type = "cookie"
  key = "b"
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), None),
        (("upstreams",), 2),
        (("upstreams", "posts"), 3),
        (("upstreams", "other"), 4),
        (("upstreams", "other", "address"), 4),
        (("upstreams", "other", "answer_within"), 5),
        (("upstreams", "table"), 7),
        (("upstreams", "table", "address"), 8),
        (("rule", 0), 13),
        (("rule", 0, "matcher"), 14),
        (("rule", 0, "access"), 18),
        (("rule", 0, "upstream"), 19),
        (("rule", 0, "role"), 20),
        (("rule", 1), 23),
        (("rule", 1, "matcher"), 24),
        (("rule", 1, "has", 0), 28),
        (("rule", 1, "has", 1), 32),
        (("rule", 1, "has", 1, "key"), 34),
        (("rule", 2), None),
    ],
)
def test_every_statement_has_its_line(place: tuple[str | int, ...], line: int | None) -> None:
    """However TOML lets a table be written, the line of each header and key is found."""
    assert list_lines(SPREAD).get(place) == line


def test_tables_may_be_written_as_toml_lets_them() -> None:
    """Lists over several lines, dotted keys, tables of their own and literal texts mean the same as one line each."""
    text = SPREAD.replace("role = '''\n[[rule]]'''\n", "")
    policy = parse_policy(text, {})
    assert policy.upstreams == (
        Upstream("posts", (Replica("posts", 8002),)),
        Upstream("other", (Replica("other", 8003),), 9),
        Upstream("table", (Replica("a", 80), Replica("b", 80))),
    )
    assert [(found.line, len(found.matchers), len(found.has)) for found in policy.rules] == [(13, 2, 0), (21, 1, 2)]
    assert read_fault(rule("/a", matcher='[\n  "/a",\n  "b",\n]')) == (
        "p.toml, line 4: matcher: 'b': A matcher must start with / at 0"
    )


@given(st.text(alphabet='[]rule=\n"ab{}, #/upstream.', max_size=60), st.text(max_size=10))
def test_any_text_is_a_policy_or_refused(tail: str, end: str) -> None:
    """Whatever a file holds, it is a policy or PolicyInvalid."""
    try:
        policy = parse_policy(HEAD + rule("/a") + tail + end, SETTINGS)
    except PolicyInvalid:
        return
    assert policy.rules


def test_the_name_of_the_gateway_is_reserved() -> None:
    """What the gateway answers itself can't be sent elsewhere by naming an upstream so."""
    fault = read_fault(rule("/a"), head='[upstreams]\ngateway = "http://x"\n')
    assert fault == "p.toml, line 2: gateway: this name is the gateway's own"
    assert read(rule("/a", upstream='"gateway"')).rules[0].upstream == "gateway"


def test_the_policy_of_the_repository_is_accepted() -> None:
    """The shipped policy says what this stack promises."""
    settings = {"AUTH_SERVICE_URL": "http://auth:8001", "POSTS_SERVICE_URL": "http://posts:8002"}
    policy = load_policy(DEFAULT_RULES, settings)
    assert {upstream.name for upstream in policy.upstreams} == {"auth", "posts"}
    assert all(isinstance(found, Rule) for found in policy.rules)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """A byte order mark, as some editors write it, is ignored."""
    (tmp_path / "rules.toml").write_text(HEAD + rule("/a"), encoding="utf-8-sig")
    assert [found.line for found in load_policy(tmp_path / "rules.toml", SETTINGS).rules] == [3]


def test_the_word_for_session_cookies_is_on_the_upstream() -> None:
    """A word decides which upstream gets NextAuth's cookies, and never its name."""
    policy = read(
        rule("/a"), head='[upstreams]\nposts = { address = "http://p", session_cookies = true }\nauth = "http://a"\n'
    )
    assert [(upstream.name, upstream.session_cookies) for upstream in policy.upstreams] == [
        ("posts", True),
        ("auth", False),
    ]


def test_a_rule_says_more_than_its_upstream() -> None:
    """What an upstream says is the default of its rules, and nobody else's; a rule's own word counts."""
    head = '[upstreams]\nposts = { address = "http://p", authorization = "token" }\nauth = "http://a"\n'
    policy = read(
        rule("/a"),
        rule("/b", authorization='"own"'),
        rule("/c", authorization='"none"'),
        rule("/d", upstream='"auth"'),
        rule("/e", upstream='"gateway"'),
        rule("/f", upstream='"gateway"', authorization='"token"'),
        head=head,
    )
    assert [found.authorization.value for found in policy.rules] == ["token", "own", "none", "none", "none", "token"]


VARIABLES = {"POLICY_PATH": "/a", "POLICY_ROLE": 'x"\nrole = "y', "POLICY_HOST": "app:80", "POLICY_ACCESS": "page"}


def test_variables_of_its_own() -> None:
    """Any text of the file may hold variables of the environment; what one holds is never more than text."""
    head = '[upstreams]\nposts = "http://${POLICY_HOST}"\n'
    text = rule(
        "${POLICY_PATH}/:x*", "${POLICY_ACCESS}", role='"${POLICY_ROLE}-${POLICY_ACCESS}"', strip='"${POLICY_PATH}"'
    )
    policy = parse_policy(head + text, VARIABLES)
    (found,) = policy.rules
    assert policy.upstreams[0].replicas == (Replica("app", 80),)
    assert (found.matchers[0].source, found.access, found.strip) == ("/a/:x*", Access.PAGE, "/a")
    assert found.role == 'x"\nrole = "y-page'


@pytest.mark.parametrize(
    ("words", "line"), [({"role": '"${POLICY_NONE}"'}, 7), ({"methods": '["GET", "${POLICY_NONE}"]'}, 7), ({}, 0)]
)
def test_a_variable_that_is_not_set_is_named(words: dict[str, str], line: int) -> None:
    """A policy that refers to nothing is refused at its line; other signs in texts are no variables."""
    if line:
        assert read_fault(rule("/a", "page", **words)) == f"p.toml, line {line}: there is no setting POLICY_NONE"
    else:
        (found,) = read(rule("/a", "page", role='"$ $OTHER $POLICY_X {POLICY_X}"')).rules
        assert found.role == "$ $OTHER $POLICY_X {POLICY_X}"


@pytest.mark.parametrize("name", ["TENANT", "POLICY_tenant", "policy_tenant", "POSTS_URL", ""])
def test_no_other_variable_is_taken_for_text(name: str) -> None:
    """A slip in a variable's name is told, where the rule would else ask for a role that nobody has."""
    reason = f"${{{name}}} is no variable that may stand here: their names begin with POLICY_, in capitals"
    words = {"role": f'"${{{name}}}-admin"'}
    assert read_fault(rule("/a", "page", **words)) == f"p.toml, line 7: {reason}"


def test_a_rule_may_name_any_method() -> None:
    """WebDAV's methods, and somebody's own, are accepted where a rule names them."""
    policy = read(rule("/a", methods='["GET", "PROPFIND", "VERSION-CONTROL", "FETCH"]'))
    (found,) = policy.rules
    assert found.methods == {"GET", "HEAD", "PROPFIND", "VERSION-CONTROL", "FETCH"}


def test_headers_that_name_callers() -> None:
    """A list names the usual ones, a table any; an upstream's are switched off by an empty list."""
    head = '[upstreams]\nposts = { address = "http://p", identity = ["Remote-User", "Remote-Email"] }\n'
    policy = read(
        rule("/a"),
        rule("/b", identity="[]"),
        rule("/c", identity='{ X-WEBAUTH-USER = "unproven-email", Remote-User = "roles" }'),
        rule("/d", upstream='"gateway"'),
        head=head,
    )
    assert [[(name, about.value) for name, about in found.identity] for found in policy.rules] == [
        [("remote-email", "email"), ("remote-user", "id")],
        [],
        [("remote-user", "roles"), ("x-webauth-user", "unproven-email")],
        [],
    ]
    assert policy.identity_names == {"remote-email", "remote-user", "x-webauth-user"}


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """A missing file and one that is not UTF-8 are named, as in every other error."""
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    for name in ("latin.toml", "none.toml"):
        with pytest.raises(PolicyInvalid, match="line 1: the file can't be read"):
            load_policy(tmp_path / name, SETTINGS)
