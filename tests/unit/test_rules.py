"""The policy file: what it may say, and that a file with a fault is refused at the line of the fault."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.file import load_policy, parse_policy
from gateway.policy.rules import (
    DEFAULT_MAX_BODY,
    FORWARDED_METHODS,
    Access,
    PolicyInvalid,
    Replica,
    Rule,
    Source,
    Upstream,
)
from gateway.settings import DEFAULT_RULES
from tests.support.policies import HEAD, SETTINGS, has, read, read_fault, rule


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
    assert (condition.source, condition.key, condition.pattern) == (Source.HEADER, "x-beta", "on|yes")
    assert (absent.source, absent.key, absent.dfa) == (Source.QUERY, "q", None)


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
        ('{ address = ["http://posts:8002"] }', None),
        ('"http://posts:8002"', None),
    ],
)
def test_an_upstream_may_be_granted_a_time(value: str, seconds: int | None) -> None:
    """An upstream's value may be a table, which says how many seconds it has to begin an answer."""
    policy = read(rule("/a"), head=f"[upstreams]\nposts = {value}\n")
    assert policy.upstreams == (Upstream("posts", (Replica("posts", 8002),), seconds),)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{ answer_within = 9 }", "address: must be a text or a list of texts"),
        ('{ address = "http://posts", answer_within = 0 }', "answer_within: must be a positive integer"),
        ('{ address = "http://posts", answer_within = 1.5 }', "answer_within: must be a positive integer"),
        ('{ address = "http://posts", answerwithin = 9 }', "answerwithin: unknown word"),
        ('{ address = "https://posts" }', "posts: 'https://posts' is not http://host:port"),
    ],
)
def test_a_bad_table_of_an_upstream_is_refused(value: str, reason: str) -> None:
    """A table with an unknown word, or a value that is none, is refused at its line."""
    assert read_fault(rule("/a"), head=f"[upstreams]\nposts = {value}\n") == f"p.toml, line 2: {reason}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"https://posts"', "'https://posts' is not http://host:port"),
        ('"posts:8002"', "'posts:8002' is not http://host:port"),
        ('"http://"', "'http://' is not http://host:port"),
        ('"http://posts/x"', "'http://posts/x' is not http://host:port"),
        ('"http://u:p@posts"', "'http://u:p@posts' is not http://host:port"),
        ('"http://posts?x"', "'http://posts?x' is not http://host:port"),
        ('"http://po sts"', "'http://po sts' is not http://host:port"),
        ('"http://posts:0"', "'http://posts:0' is not http://host:port"),
        ('"http://posts:x"', "'http://posts:x' is not a URL"),
        ('"http://[posts"', "'http://[posts' is not a URL"),
        ('"unix:posts.sock"', "'unix:posts.sock' is not unix:/path/of/a/socket"),
        ('"unix:"', "'unix:' is not unix:/path/of/a/socket"),
        ('"unix:/run/posts\\n"', r"'unix:/run/posts\n' is not unix:/path/of/a/socket"),
        ('"unix:/run/posts\\u0000"', r"'unix:/run/posts\x00' is not unix:/path/of/a/socket"),
        ('"${NOPE}"', "there is no setting NOPE"),
        ('"${BAD}"', "'https://posts' is not http://host:port"),
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
        ({"access": '"open"'}, 5, "access: unknown word 'open'; known are page, protected, public"),
        ({"access": "7"}, 5, "access: must be a text"),
        ({"upstream": '"auth"'}, 6, "upstream: unknown word 'auth'; known are gateway, posts"),
        ({"matcher": '["/a", "/(b"]'}, 4, "matcher: '/(b': Unbalanced pattern at 1"),
        ({"matcher": "[]"}, 4, "matcher: must be a text or a list of texts"),
        ({"matcher": '"a"'}, 4, "matcher: 'a': A matcher must start with / at 0"),
        ({"methods": '["GET", "FETCH"]'}, 7, "methods: unknown method FETCH"),
        ({"methods": '["get"]'}, 7, "methods: unknown method get"),
        ({"methods": '"TRACE"'}, 7, "methods: unknown method TRACE"),
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
        ({"role": '"admin"'}, 7, "role: a public rule can't ask anything of its callers"),
        ({"max_auth_age": "9"}, 7, "max_auth_age: a public rule can't ask anything of its callers"),
        ({"role": '""'}, 7, "role: must be a text"),
        ({"has": "true"}, 7, "has: must be a list of tables"),
        ({"has": "[true]"}, 7, "has: must be a list of tables"),
        ({"has": has("body", "x")}, 7, "type: unknown word 'body'; known are cookie, header, host, query"),
        ({"has": has("header", "x", "(")}, 7, "value: '(': Unterminated group at 1"),
        ({"has": '[{ type = "header" }]'}, 7, "key: must be a text"),
        ({"has": '[{ type = "host" }]'}, 7, "value: must be a text"),
        ({"has": '[{ type = "host", key = "x", value = "y" }]'}, 7, "key: unknown word"),
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
        (HEAD + "rule = []\n", 1),
        (rule("/a"), 1),
        (HEAD + "[[rules]]\n", 3),
        (HEAD + "[extra]\n", 3),
        ("x = 1\n" + HEAD + rule("/a"), 1),
        (HEAD + "[[rule]]\nmatcher = [\n", 5),
        (HEAD + "[[rule]]\nmatcher = '''\n[[rule]]\n'''\n", 4),
        (HEAD + 'rule = [{ matcher = "/a" }]\n', 1),
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
    """The policy that ships says what this stack promises."""
    settings = {"AUTH_SERVICE_URL": "http://auth:8001", "POSTS_SERVICE_URL": "http://posts:8002"}
    policy = load_policy(DEFAULT_RULES, settings)
    assert {upstream.name for upstream in policy.upstreams} == {"auth", "posts"}
    assert all(isinstance(found, Rule) for found in policy.rules)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """A missing file and one that is not UTF-8 are named, like every other fault."""
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    for name in ("latin.toml", "none.toml"):
        with pytest.raises(PolicyInvalid, match="line 1: the file can't be read"):
            load_policy(tmp_path / name, SETTINGS)
