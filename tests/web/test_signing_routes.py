"""The signing API: who gets a signature, what it is, what the log and the receipt say of it."""

import json
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from tests.web.desk import KEY, RESOURCE, URL, open_desk
from undersign import jws
from undersign.audit.verify import verify_lines
from undersign.cryptotoken.software import SoftwareToken
from undersign.encoding import b64url_encode, parse_object
from undersign.errors import StorageError
from undersign.jwks import KeySet
from undersign.jwt.profiles.access_token import Minter
from undersign.limits import DEFAULT
from undersign.storage.ledger.lines import lines_after

DOCUMENT = b"%PDF-1.7 a document"


def keys(desk, worker="contracts"):
    return KeySet.load(desk.client.get(f"/v1/workers/{worker}/jwks.json").content)


def test_the_answer_holds_signature_and_receipt(desk):
    """The result verifies, carries the mapped claim and the worker's type, and its receipt names the committed line."""
    answer = desk.sign(token=desk.token(), body=DOCUMENT).json()
    verified = jws.verify(answer["result"], keys(desk))
    receipt = jws.verify(answer["receipt"], KeySet.load(desk.client.get("/v1/receipts/jwks.json").content))
    claims = parse_object(receipt.payload)
    line = lines_after(desk.house.database, claims["log"]["seq"] - 1, limit=1)[0]

    assert verified.payload == DOCUMENT
    assert (verified.header["typ"], verified.header["signed-for"]) == ("contract+jws", "reports")
    assert receipt.header["typ"] == "undersign-receipt+jwt"
    assert claims["items"][0]["hash"] == sha256(DOCUMENT).hexdigest()
    assert claims["items"][0]["sig_hash"] == sha256(answer["result"].encode()).hexdigest()
    assert (claims["iss"], claims["jti"], claims["rule"]) == (URL, answer["request_id"], "may-sign")
    assert (claims["caller"]["iss"], claims["caller"]["client_id"]) == (URL, "reports")
    assert claims["log"]["hash"] == line.hash


@pytest.mark.parametrize("inside", [True, False])
def test_the_log_holds_each_signature_and_no_secret(tmp_path, monkeypatch, inside):
    """A signature leaves its outcome, and its intent before it where the key is outside; no line has a secret in it."""
    monkeypatch.setattr(SoftwareToken, "inside", inside)
    with open_desk(tmp_path) as desk:
        token = desk.token()
        answer = desk.sign(token=token, body=DOCUMENT).json()
        mine = [line for line in desk.lines() if line.get("request_id") == answer["request_id"]]
    text = json.dumps(mine)
    outcomes = ["done"] if inside else ["intent", "done"]

    assert [(line["event"], line["outcome"]) for line in mine] == [("sign", outcome) for outcome in outcomes]
    assert [entry["target"] for entry in mine[-1]["map"]] == ["log.subject", "jws.header.signed-for"]
    assert mine[-1]["items"][0]["hash"] == sha256(DOCUMENT).hexdigest()
    assert mine[-1]["items"][0]["sig_hash"] == sha256(answer["result"].encode()).hexdigest()
    assert DOCUMENT.decode() not in text
    assert token not in text
    assert answer["result"] not in text


def test_large_documents_are_detached(desk):
    """From the worker's size on, the document is left out, unless the caller says otherwise."""
    large = b"x" * 65536
    answer = desk.sign(token=desk.token(), body=large).json()

    assert answer["detached"]
    assert answer["result"].split(".")[1] == ""
    assert jws.verify(answer["result"], keys(desk), payload=large).payload == large
    asked = desk.client.post(
        "/v1/workers/contracts/sign?detached=false", content=large, headers={"Authorization": f"Bearer {desk.token()}"}
    )
    assert jws.verify(asked.text, keys(desk)).payload == large


def test_raw_answer_carries_the_receipt_in_a_header(desk):
    """Who does not accept JSON gets the signed octets themselves."""
    headers = {"Authorization": f"Bearer {desk.token()}", "Accept": "*/*"}
    answer = desk.client.post("/v1/workers/contracts/sign", content=DOCUMENT, headers=headers)

    assert answer.headers["content-type"] == "application/jose"
    assert jws.verify(answer.content, keys(desk)).payload == DOCUMENT
    assert answer.headers["undersign-receipt"].count(".") == 2


@pytest.mark.parametrize(
    "envelope,payload",
    [
        ({"data": b64url_encode(DOCUMENT)}, DOCUMENT),
        ({"text": "größer"}, "größer".encode()),
        ({"json": {"a": 1}}, b'{"a":1}'),
    ],
    ids=["data", "text", "json"],
)
def test_json_envelopes(desk, envelope, payload):
    """A document may come in an envelope, with its options."""
    body = json.dumps({**envelope, "options": {"detached": True}}).encode()
    answer = desk.sign(token=desk.token(), body=body, **{"Content-Type": "application/json"}).json()

    assert jws.verify(answer["result"], keys(desk), payload=payload).payload == payload


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"data":"AA","text":"x"}',
        b'{"data":"A="}',
        b'{"text":5}',
        b'{"text":"x","text":"y"}',
        b'{"text":"x","options":{"detached":"yes"}}',
        b'{"text":"x","options":{"alg":"none"}}',
        b'{"text":"x","kid":"y"}',
        b"[]",
        b"\xff",
    ],
    ids=range(10),
)
def test_malformed_envelopes(desk, body):
    """An envelope that is ambiguous, loosely written or has unknown members is refused."""
    assert desk.sign(token=desk.token(), body=body, **{"Content-Type": "application/json"}).status_code == 400


def test_one_token_one_signature(desk):
    """A one-shot worker takes a token once, and the log says who tried again."""
    token = desk.token()

    assert desk.sign(token=token).status_code == 200
    again = desk.sign(token=token)
    assert (again.status_code, again.json()["type"]) == (409, "urn:undersign:problem:replayed")
    assert desk.lines()[-1]["reason"] == "replayed"


def test_eight_parallel_uses_of_one_token_give_one_signature(desk):
    """Of eight requests at once with one token, exactly one is signed."""
    token = desk.token()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: desk.sign(token=token).status_code, range(8)))

    assert sorted(statuses) == [200] + [409] * 7


def test_one_token_at_two_workers(desk):
    """A one-shot authorization is used up for its worker, and says nothing about another."""
    token = desk.token()

    assert desk.sign("drafts", token).status_code == 200
    assert desk.sign("drafts", token).status_code == 200
    assert desk.sign("contracts", token).status_code == 200


def test_unknown_worker_is_404(desk):
    """A worker that is not there is not found, with a token and without."""
    assert desk.sign("nobody", desk.token()).status_code == 404
    assert desk.sign("nobody").status_code == 404


def test_a_listed_issuer_only(desk):
    """To a good token of an issuer that the worker does not list, the worker does not exist."""
    assert desk.sign("contracts", desk.strange()).status_code == 404
    assert desk.client.get("/v1/workers/contracts", headers=auth(desk.strange())).status_code == 404
    assert desk.sign("drafts", desk.strange()).status_code == 200


def test_a_signing_request_carries_its_token(desk):
    """Without a token the challenge names the scheme and nothing else."""
    answer = desk.sign()

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("forge", ["altered", "nonsense", "stranger", "no issuer", "another audience", "own key", "id"])
def test_bad_token_is_401(desk, forge):
    """A token that is altered, foreign, for somebody else or of another kind is refused with one sentence."""
    good = desk.token()
    other = Minter(KEY, issuer=URL).mint(subject="x", audience=RESOURCE, client_id="x", scope="sign")
    token = {
        "altered": good[:-2] + ("AA" if good[-2:] != "AA" else "BB"),
        "nonsense": "abc",
        "stranger": desk.strange(iss=URL),
        "no issuer": desk.strange(iss="https://nobody.example"),
        "another audience": desk.token(resource="https://archive.example"),
        "own key": other,
        "id": desk.minter.mint(),
    }[forge]
    answer = desk.sign(token=token)

    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("The token was refused.")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer a b", "bearer\ta", "Bearer " + "a" * 20000])
def test_malformed_authorization_is_401(desk, header):
    """What is not one bearer token is no token."""
    assert desk.client.post("/v1/workers/contracts/sign", headers={"Authorization": header}).status_code == 401


def test_denied_by_the_rule_is_403_with_the_failed_leaf(desk):
    """A good token whose claims do not satisfy the rule learns which condition failed, and the log has a line."""
    answer = desk.sign(token=desk.token("read"))

    assert answer.status_code == 403
    assert answer.json()["rules"] == [{"name": "may-sign", "result": "fail", "failed": ["scope has 'sign'"]}]
    assert (desk.lines()[-1]["event"], desk.lines()[-1]["reason"]) == ("sign_denied", "rule_denied")


def test_document_changed_on_its_way(desk):
    """A body that Content-Digest does not name is refused, and an unknown digest is no digest."""
    digest = b64encode(sha256(b"another").digest()).decode()
    token = desk.token()
    changed = desk.sign(token=token, **{"Content-Digest": f"sha-256=:{digest}:"})

    assert (changed.status_code, changed.json()["type"]) == (422, "urn:undersign:problem:digest-mismatch")
    assert desk.lines()[-1]["reason"] == "digest_mismatch"
    assert desk.sign(token=token).status_code == 200
    assert desk.sign(token=desk.token(), **{"Content-Digest": "md5=:AAAA:"}).status_code == 400


def test_json_object_without_a_type(desk):
    """A JSON object signed without a type of its own would pass for a JWT, so such a worker refuses it."""
    for body in (b'{"sub":"admin"}', b' \n{"sub":"admin"}', b"\xef\xbb\xbf{}"):
        assert desk.sign("drafts", desk.token(), body=body).status_code == 400
    assert desk.sign("contracts", desk.token(), body=b'{"sub":"admin"}').status_code == 200


def test_a_worker_for_anyone_takes_no_notice_of_tokens(desk):
    """Where the file spells out anyone, no token is needed and a bad one does no harm."""
    assert desk.sign("open").status_code == 200
    assert desk.sign("open", "nonsense").status_code == 200


def test_use_limit_of_a_key(desk):
    """A key signs as often as its limit says, and a refused use leaves no outcome."""
    assert [desk.sign("slow", desk.token()).status_code for _ in range(3)] == [200, 200, 503]
    assert [line["outcome"] for line in desk.lines() if line["event"] == "sign"] == ["done"] * 2


def test_too_large(desk):
    """A document over the cap is refused; one that is too large to be wrapped is signed detached, and only so."""
    large = b"x" * (2 * 1024 * 1024)
    wrapped = desk.client.post("/v1/workers/contracts/sign?detached=false", content=large, headers=auth(desk.token()))

    assert desk.sign(token=desk.token(), body=b"x" * (DEFAULT.payload + 1)).status_code == 413
    assert wrapped.status_code == 413
    assert desk.sign("drafts", desk.token(), body=large).json()["detached"]


def test_query_options_are_closed(desk):
    """An unknown option in the query is refused, not ignored."""
    answer = desk.client.post("/v1/workers/contracts/sign?alg=none", headers=auth(desk.token()))

    assert answer.status_code == 400


def test_lists_what_the_token_may_see(desk):
    """The list of workers is that of the token's issuer."""
    names = [
        worker["name"] for worker in desk.client.get("/v1/workers", headers=auth(desk.strange())).json()["workers"]
    ]

    assert names == ["drafts"]
    assert desk.client.get("/v1/workers").status_code == 401


def refuse_done(monkeypatch, desk):
    """Have no line that records a result reach the disk."""
    real = desk.house.ledger.commit

    async def broken(write):
        if write.entry.outcome == "done":
            raise StorageError("The disk is full.")
        return await real(write)

    monkeypatch.setattr(desk.house.ledger, "commit", broken)


def test_the_commit_fails(desk, monkeypatch):
    """When the result cannot be recorded, it is dropped, the answer is 503, and the token is still good."""
    bearer, assertion = desk.token(), desk.minter.mint()
    refuse_done(monkeypatch, desk)
    answers = [desk.sign(token=bearer), desk.ask(assertion)]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert all("result" not in answer.text and "ey" not in answer.text for answer in answers)
    assert [line["outcome"] for line in desk.lines() if line["event"] == "sign"] == []
    monkeypatch.undo()
    assert desk.sign(token=bearer).status_code == desk.ask(assertion).status_code == 200


def test_second_commit_fails(tmp_path, monkeypatch):
    """With keys outside this process an outcome that cannot be recorded is dropped, and the chain shows an intent."""
    monkeypatch.setattr(SoftwareToken, "inside", False)
    with open_desk(tmp_path) as desk:
        bearer, assertion = desk.token(), desk.minter.mint()
        refuse_done(monkeypatch, desk)
        answers = [desk.sign(token=bearer), desk.ask(assertion)]
        signed = [line["outcome"] for line in desk.lines() if line["event"] == "sign"]
        issued = [line["outcome"] for line in desk.lines() if line["event"] == "token_issued"]

        assert [answer.status_code for answer in answers] == [503, 503]
        assert all("result" not in answer.text and "ey" not in answer.text for answer in answers)
        assert (signed, issued) == (["intent"], ["intent", "done", "intent"])
        monkeypatch.undo()
        assert (desk.sign(token=bearer).status_code, desk.ask(assertion).status_code) == (409, 401)


def test_nothing_is_used_up_twice_over_a_restart(tmp_path):
    """What was used before a restart stays used after it, tokens and assertions alike, and keys stay the same."""
    with open_desk(tmp_path) as desk:
        token, assertion = desk.token(), desk.minter.mint()
        assert desk.ask(assertion).status_code == desk.sign(token=token).status_code == 200
        before = keys(desk).to_jwks()
    with open_desk(tmp_path) as desk:
        assert desk.sign(token=token).status_code == 409
        assert desk.ask(assertion).status_code == 401
        assert keys(desk).to_jwks() == before


def test_the_log_verifies_against_root_head_and_receipts(desk):
    """An auditor verifies the log offline; others do not get it."""
    receipts = [desk.sign(token=desk.token()).json()["receipt"] for _ in range(2)]
    auditor = auth(desk.token("audit"))
    head = desk.client.get("/v1/audit/head", headers=auditor).text
    lines = desk.client.get("/v1/audit?after=0", headers=auditor).content.splitlines()
    receipt_keys = KeySet.load(desk.client.get("/v1/receipts/jwks.json").content)
    report = verify_lines(lines, root=desk.house.root, heads=[head], receipts=receipts, receipt_keys=receipt_keys)

    assert (report.receipts, report.witnessed) == (2, report.lines)
    assert desk.client.get("/v1/audit?after=0").status_code == 401
    assert desk.client.get("/v1/audit", headers=auth(desk.token())).status_code == 403
    assert desk.client.get("/v1/audit?after=x", headers=auditor).status_code == 400


def test_keys_have_one_purpose_each(desk):
    """No two keys of the server, for tokens, receipts, the log or workers, are the same."""
    published = [desk.client.get("/jwks.json"), desk.client.get("/v1/receipts/jwks.json")]
    found = [key.thumbprint() for answer in published for key in KeySet.load(answer.content)]
    found += [key.thumbprint() for worker in ("contracts", "drafts", "open") for key in keys(desk, worker)]

    assert len({*found, desk.house.root}) == 6


def auth(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
