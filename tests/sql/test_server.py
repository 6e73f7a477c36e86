from __future__ import annotations

import pytest
from pydantic import ValidationError

from hygge.connector import HomeConfig
from hygge.connectors.sql.server_config import Endpoint, ServerSettings

CANARY = "S3cr3t+/=é"


def settings(**said: object) -> ServerSettings:
    made = HomeConfig.create({"type": "postgres", **said})
    assert isinstance(made, ServerSettings)
    return made


def endpoint(**said: object) -> Endpoint:
    return settings(**said).endpoint()


def test_fields_say_where_the_server_is() -> None:
    found = endpoint(host="db", port=5433, database="app", user="me", password="p@:/#%")
    assert (found.host, found.port, found.database, found.user) == ("db", 5433, "app", "me")
    assert found.password == "p@:/#%"
    assert str(found) == "me@db:5433/app"


def test_a_url_says_the_same_with_percent_signs() -> None:
    found = endpoint(url="postgresql://m%40e:p%40%3A%2F%23%25@db:5433/a%20b?application_name=x")
    assert (found.user, found.password, found.database) == ("m@e", "p@:/#%", "a b")
    assert found.options == {"application_name": "x"}


def test_fields_win_over_the_url() -> None:
    found = endpoint(url="postgresql://me:old@db/app", password="new", host="other")
    assert (found.host, found.password, found.user) == ("other", "new", "me")


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://me:{CANARY}@db/app",
        f"me:{CANARY}@db/app",
        f"postgresql://me:{CANARY}@x@db/app",
        f"postgresql://me:{CANARY}/x@db/app",
        f"postgresql://me:{CANARY}#x@db/app",
        f"postgresql://me:{CANARY}@db:port/app",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(ValidationError) as raised:
        endpoint(url=url)
    text = str(raised.value)
    assert "postgresql://" in text or "%40" in text
    assert CANARY not in text


def test_a_database_or_a_url_is_needed() -> None:
    with pytest.raises(ValidationError, match="database"):
        endpoint(host="db")


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        (None, True),
        ("localhost", True),
        ("127.0.0.3", True),
        ("::1", True),
        ("/var/run/postgresql", True),
        ("db.example.com", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_only_this_machine_goes_without_encryption(host: str | None, is_local: bool) -> None:
    said = {"database": "app", **({"host": host} if host else {})}
    assert endpoint(**said).is_local is is_local
    made = HomeConfig.create({"type": "postgres", **said})
    conninfo = made.conninfo()  # type: ignore[attr-defined]
    assert ("sslmode=prefer" in conninfo) is is_local
    assert ("sslmode=verify-full" in conninfo) is not is_local
    assert ("sslrootcert=" in conninfo) is not is_local


def test_the_password_is_in_no_text_of_the_settings() -> None:
    made = settings(database="app", password=CANARY, url=f"postgresql://a:{CANARY[:6]}@h/d")
    for text in (repr(made), str(made), repr(made.endpoint()), str(made.endpoint())):
        assert CANARY not in text
        assert CANARY[:6] not in text
