from __future__ import annotations

import threading
import time

import pytest

from hygge.connectors.sql.pool import ConnectionKind, Pool, Reserved


class Wire:
    """A connection that remembers what became of it."""

    def __init__(self) -> None:
        self.is_alive = True
        self.is_closed = False
        self.resets = 0

    def close(self) -> None:
        self.is_closed = True

    def reset(self) -> None:
        self.resets += 1


def wires(name: str = "wire") -> ConnectionKind[Wire]:
    return ConnectionKind(
        name, open=Wire, is_alive=lambda w: w.is_alive, reset=Wire.reset, close=Wire.close
    )


def test_a_connection_is_used_again() -> None:
    pool, kind = Pool(2, 60), wires()
    with pool.lease(kind) as first:
        pass
    with pool.lease(kind) as second:
        assert second is first
    assert first.resets == 2
    with pool.lease(wires("other")) as third:
        assert third is not first


def test_a_dead_connection_is_replaced_before_use() -> None:
    pool, kind = Pool(2, 60), wires()
    with pool.lease(kind) as first:
        pass
    first.is_alive = False
    with pool.lease(kind) as second:
        assert second is not first
    assert first.is_closed


def test_a_connection_that_saw_an_error_is_closed() -> None:
    pool, kind = Pool(2, 60), wires()
    with pytest.raises(ValueError, match="broken"), pool.lease(kind) as first:
        raise ValueError("broken")
    assert first.is_closed
    with pool.lease(kind) as second:
        assert second is not first


def test_a_connection_that_rested_too_long_is_closed() -> None:
    pool, kind = Pool(2, 0.01), wires()
    with pool.lease(kind) as first:
        pass
    time.sleep(0.02)
    with pool.lease(kind) as second:
        assert second is not first
    assert first.is_closed


def test_no_more_than_the_limit_are_reserved_at_once() -> None:
    pool = Pool(4, 60)
    most, now, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal most, now
        with pool.reserve(2):
            with lock:
                now += 2
                most = max(most, now)
            time.sleep(0.005)
            with lock:
                now -= 2

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert most == 4


def test_spare_rights_are_only_what_is_free() -> None:
    pool = Pool(4, 60)
    with pool.reserve(2):
        assert pool.spare(5) == 2
        assert pool.spare(1) == 0
        pool.release(2)
        assert pool.spare(1) == 1


def test_a_wait_can_be_given_up() -> None:
    pool = Pool(2, 60)

    def give_up() -> None:
        raise TimeoutError("enough")

    with pool.reserve(2), pytest.raises(TimeoutError), pool.reserve(1, give_up):
        pass


def test_who_shares_a_right_takes_more_while_there_are_free_ones_and_waits_else() -> None:
    pool = Pool(2, 60)
    got_in = threading.Event()

    def wait_for_one() -> None:
        with reserved.slot():
            got_in.set()

    with pool.reserve(1):
        reserved = Reserved(pool)
        waiting = threading.Thread(target=wait_for_one)
        with reserved.slot(), reserved.slot():
            assert pool.spare(1) == 0
            waiting.start()
            assert not got_in.wait(0.1)
        assert got_in.wait(10)
        waiting.join()
        assert pool.spare(2) == 1
        pool.release(1)
    assert pool.spare(2) == 2
