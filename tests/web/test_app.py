"""What holds for every address: the Host, the headers, the problems, the document that describes them."""

import re

import pytest

from tests.web.desk import TOML, URL, open_desk
from undersign.errors import SettingsError
from undersign.web.crash import crash_points
from undersign.web.guard import POLICY


def served(desk):
    """Every method and path that the application's own table has."""
    app = desk.client.app
    tables = {**app._exact, **{f"{start}{{{name}}}{end}": found for start, end, name, found in app._patterns}}
    return {(method, path) for path, methods in tables.items() for method in methods}


def test_openapi_describes_what_is_served_and_nothing_else(desk):
    """The document and the application's table name the same methods at the same addresses."""
    document = desk.client.get("/openapi.json").json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert described == {(method, path) for method, path in served(desk) if method != "HEAD"}
    assert {path for method, path in described if method == "GET"} == {p for m, p in served(desk) if m == "HEAD"}
    assert document["servers"] == [{"url": URL}]


def test_head_is_get_without_a_body(desk):
    """HEAD answers with the fields of GET, the length too, and without a body."""
    for path in ("/", "/jwks.json", "/healthz", "/v1/receipts/jwks.json"):
        got, asked = desk.client.get(path), desk.client.head(path)
        assert (asked.status_code, asked.content) == (got.status_code, b"")
        assert asked.headers == got.headers


def test_openapi_references_resolve(desk):
    """Each schema that the document refers to is in it."""
    answer = desk.client.get("/openapi.json")
    schemas = answer.json()["components"]["schemas"]

    assert set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text)) <= schemas.keys()
    assert {"SignAnswer", "WorkerDescription", "Problem"} <= schemas.keys()


def test_openapi_describes_the_answers(desk):
    """What the signing API answers has the members that the document names."""
    schema = desk.client.get("/openapi.json").json()["components"]["schemas"]["SignAnswer"]
    answer = desk.sign(token=desk.token()).json()

    assert set(schema["required"]) == answer.keys() == schema["properties"].keys()


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:8081", "LOCALHOST:8080.evil", ""])
def test_another_host_is_421(desk, host):
    """A request for another name than the configured one reaches nothing, not even the health check."""
    for path in ("/", "/token", "/healthz", "/nowhere"):
        assert desk.client.get(path, headers={"Host": host}).status_code == 421


def test_every_answer_is_strict(desk):
    """Pages, JSON and refusals alike carry the policy, and no answer names the server software."""
    for path in ("/", "/style.css", "/openapi.json", "/healthz", "/jwks.json", "/nowhere"):
        headers = desk.client.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_methods_are_closed(desk):
    """Another method than the described one is a problem document with an Allow header."""
    answer = desk.client.delete("/token")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["content-type"] == "application/problem+json"


def test_unknown_address_is_a_problem(desk):
    """What is not here is a problem document of a stable type."""
    answer = desk.client.get("/nowhere")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:undersign:problem:not-here")


def test_the_page_says_what_is_here(desk):
    """The page names every address, loads nothing from elsewhere and runs no script."""
    page = desk.client.get("/").text

    for _, path in served(desk):
        assert path in page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "light dark" in page


def test_the_page_says_who_it_is_and_how_to_ask(desk, tmp_path):
    """Two servers are told apart by their headings, and each shows a request that can be pasted into a shell."""
    assert "<h1>Authorization server and Signing server</h1>" in desk.client.get("/").text
    with open_desk(tmp_path / "one", TOML.replace('["authorization", "signing"]', '["signing"]')) as one:
        page = one.client.get("/").text

    assert "<h1>Signing server</h1>" in page
    assert f"curl {URL}/v1/workers/$WORKER/sign" in page
    assert "/token" not in page


def test_health(desk):
    """Alive means that it answers; ready tells what the last probe found."""
    assert desk.client.get("/healthz").json()["status"] == "ok"
    assert desk.client.get("/readyz").json()["checks"] == dict.fromkeys(
        ("database", "ledger", "clock", "crypto_token"), "ok"
    )


def test_roles_decide_what_is_served(tmp_path):
    """A server of one role has that role's addresses only."""
    with open_desk(tmp_path, TOML.replace('["authorization", "signing"]', '["authorization"]')) as desk:
        assert desk.client.get("/jwks.json").status_code == 200
        assert desk.client.get("/v1/workers").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        ('bind = "none"', 'bind = "hash"'),
        ('type = "contract+jws"', 'type = "at+jwt"'),
        ('type = "contract+jws"', 'type = "JWT"'),
        ('"log.subject"', '"jws.header.kid"'),
        ('allow = ["may-sign"]', 'allow = ["nobody"]'),
        ('grants = ["client_credentials"]', 'grants = ["authorization_code"]'),
    ],
    ids=["bind", "at+jwt", "JWT", "kid", "rule", "grant"],
)
def test_what_is_unsafe_or_not_built_does_not_start(tmp_path, change):
    """A worker that could make tokens, choose its key by a claim, or rest on what is missing does not start."""
    with pytest.raises(SettingsError), open_desk(tmp_path, TOML.replace(*change)):
        pass


def test_crash_points_need_hooks_and_loopback():
    """The tests' kill switch is not there unless it is armed twice, and names its points."""
    armed = {"UNDERSIGN_TEST_HOOKS": "1", "UNDERSIGN_TEST_KILL_AT": "after_sign"}
    for environment, loopback in (({}, True), ({"UNDERSIGN_TEST_KILL_AT": "after_sign"}, True), (armed, False)):
        assert crash_points(environment, loopback=loopback) is None
    assert crash_points(armed, loopback=True) is not None
    for wrong in ("somewhere", "after_sign:x", "after_sign:-1"):
        with pytest.raises(SettingsError):
            crash_points({**armed, "UNDERSIGN_TEST_KILL_AT": wrong}, loopback=True)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/workers//sign",
        "/v1/workers/a/b/sign",
        "/v1/workers/",
        "/v1/workers/contracts/",
        "/token/",
        "/TOKEN",
        "/v1/workers/contracts/jwks.json/",
    ],
)
def test_an_address_that_is_spelled_otherwise_is_not_here(desk, path):
    """A path is compared octet by octet: an empty, doubled or further segment or another case leads nowhere."""
    assert desk.client.get(path).status_code == desk.client.post(path).status_code == 404


def test_a_worker_named_like_an_address_is_a_worker(desk):
    """What stands where a worker's name stands is one, and no other address."""
    for name in ("sign", "jwks.json", "%2e%2e", "%2F", "..%2Ftoken"):
        answer = desk.client.post(f"/v1/workers/{name}/sign", content=b"x")
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) in {
            (404, "unknown-worker"),
            (404, "not-here"),
        }
