"""Recovery at the start of every run, under the lock: completes or removes dead runs' work."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import secrets
import time
from pathlib import Path

from hygge.connectors.files.local.durable import (
    is_directory,
    remove_tree,
    rename_new,
    sync_directory,
    write_whole,
)
from hygge.connectors.files.local.owner import Owner
from hygge.connectors.files.local.place import STAGING, Place
from hygge.connectors.files.local.record import ASIDE, RECORD_NAME, aside, load_record
from hygge.errors import StoreError

logger = logging.getLogger(__name__)

READER_GRACE = 30.0
"""Seconds that a generation that is not kept remains after it was live."""
LISTING_GRACE = 0.2
"""Seconds that the files of a generation keep their names after it was live."""
_PREVIOUS = re.compile(r"previous-(\d{1,20})")
_RETIRED = re.compile(r"old-(\d{1,20})-[0-9a-f]{8}")
_GONE = re.compile(r"gone-[0-9a-f]{16}")
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


def recover(place: Place, lock: int) -> None:
    """Bring a place to its newest commit, holding the lock with this inode.

    Raises `StoreError` when a process that may still act claims the next commit.
    """
    seq = live_seq(place)
    for claim in sorted(place.claims.iterdir()):
        _clear_claim(place, claim, seq, lock)
    finish_swap(place)
    _finish_exchange(place)
    prune(place)
    hide(place)
    for path in sorted(place.state.iterdir()):
        _clear(path, lock)
    for sidecar in sorted(place.state.glob("*.owner")):
        _clear_sidecar(sidecar, lock)
    sweep(place)


def live_seq(place: Place) -> int:
    """Return the number of the newest published commit, 0 when there is none."""
    record = load_record(place.live)
    return 0 if record is None else record.commit.seq


def check_claims(place: Place, lock: int) -> None:
    """Raise `StoreError` when a process that may still act claims the next commit."""
    seq = live_seq(place)
    for claim in sorted(place.claims.iterdir()):
        if not _is_settled(claim, seq):
            _check_claim(place, claim, lock)


def _is_settled(claim: Path, seq: int) -> bool:
    is_landed = claim.name.isdecimal() and int(claim.name) <= seq
    return is_landed or _DRAFT.fullmatch(claim.name) is not None


def _check_claim(place: Place, claim: Path, lock: int) -> None:
    owner = Owner.load(claim.read_bytes())
    if owner is None or not owner.is_gone(lock):
        raise StoreError(
            f"commit {claim.name} of {place.shown} is claimed by {owner or 'an unknown run'}, and "
            "this machine cannot determine whether it is still running",
            hint=f"make sure that it has ended, then remove the claim:  rm {claim}",
            code="HG513",
        )


def _clear_claim(place: Place, claim: Path, seq: int, lock: int) -> None:
    if not _is_settled(claim, seq):
        _check_claim(place, claim, lock)
        # The incomplete swap under this claim must be completed before the claim is removed.
        finish_swap(place)
    claim.unlink()
    sync_directory(place.claims)


def write_intent(place: Place, staging: Path) -> None:
    """Commit `staging` by recording the intent of two renames, which recovery completes."""
    write_whole(place.intent, json.dumps({"next": staging.name}).encode(), 0o600)


def finish_swap(place: Place) -> None:
    """Complete the recorded intent from any intermediate state."""
    try:
        name = json.loads(place.intent.read_bytes())["next"]
    except FileNotFoundError:
        published = place.published()
        if published is None:
            return
        write_intent(place, published)
        name = published.name
    if not STAGING.fullmatch(name):
        raise StoreError(f"{place.intent} names {name!r}, which hygge never wrote")
    staging = place.state / name
    if is_directory(staging):
        if is_directory(place.live):
            retire(place, place.live)
        rename_new(staging, place.live)
    sync_directory(place.state)
    sync_directory(place.root)
    place.intent.unlink()
    sync_directory(place.state)


def _finish_exchange(place: Place) -> None:
    record = load_record(place.live)
    if record is None:
        return
    replaced = place.staging(record.commit.run_id, record.attempt)
    if is_directory(replaced):
        retire(place, replaced)


def retire(place: Place, generation: Path) -> None:
    """Move the replaced generation to the previous ones."""
    record = load_record(generation)
    previous = place.previous(0 if record is None else record.commit.seq)
    if is_directory(previous):  # of a chain that was restarted since
        _let_go(place, previous)
    rename_new(generation, previous)


def kept(place: Place) -> list[tuple[int, Path]]:
    """Return the previous generations and the numbers of their commits, the newest first."""
    found = []
    for path in place.state.iterdir():
        match = _PREVIOUS.fullmatch(path.name)
        if match and is_directory(path):
            found.append((int(match[1]), path))
    return sorted(found, reverse=True)


def prune(place: Place, keep: int | None = None) -> None:
    """Release generations that an undo restored or skipped, and all but `keep` others.

    Data that hygge did not write stays until the commit after the one that moved it.
    """
    live = load_record(place.live)
    if live is None:
        return
    undoes = live.commit.undoes
    end = live.commit.seq if undoes is None else undoes - 1
    found = kept(place)
    good = [seq for seq, _ in found if seq < end]
    if keep is not None:
        good = good[: max(keep, 1) if good[:1] == [0] else keep]
    for seq, path in found:
        if seq not in good:
            _let_go(place, path)


def hide(place: Place) -> None:
    """Rename the files of generations that are not live, so that no data glob matches them.

    A generation that was live a moment ago keeps its names, because a reader may be listing it.
    """
    for path in sorted(place.state.iterdir()):
        is_past = _PREVIOUS.fullmatch(path.name) or _RETIRED.fullmatch(path.name)
        if is_past and is_directory(path):
            age = time.time_ns() - path.lstat().st_ctime_ns
            if not 0 <= age < LISTING_GRACE * 1e9:
                _put_aside(path)


def _put_aside(generation: Path) -> None:
    for folder, _, names in os.walk(generation):
        for name in names:
            if name != RECORD_NAME and not name.endswith(ASIDE):
                path = Path(folder, name)
                try:
                    path.rename(aside(path))
                except FileNotFoundError:
                    continue  # The process that committed it hides it at the same time.
                except OSError as error:
                    if error.errno != errno.ENAMETOOLONG:  # a name that hygge did not give
                        raise


def _let_go(place: Place, generation: Path) -> None:
    """Rename a generation by its end time, because a reader may still open its files."""
    ceased = generation.lstat().st_ctime_ns
    rename_new(generation, place.state / f"old-{ceased}-{secrets.token_hex(4)}")


def sweep(place: Place, grace: float | None = None) -> None:
    """Remove released generations that were live until more than `grace` seconds ago."""
    grace = READER_GRACE if grace is None else grace
    now = time.time_ns()
    for path in place.state.iterdir():
        match = _RETIRED.fullmatch(path.name)
        # A negative age means that the clock was set back, and has no meaning.
        if match and not 0 <= now - int(match[1]) < grace * 1e9:
            remove_tree(path)


def _clear(path: Path, lock: int) -> None:
    if _GONE.fullmatch(path.name):
        remove_tree(path)
    elif _DRAFT.fullmatch(path.name):
        path.unlink()
    elif STAGING.fullmatch(path.name) and is_directory(path):
        _clear_staging(path, lock)


def _clear_staging(staging: Path, lock: int) -> None:
    sidecar = Place.sidecar(staging)
    owner = Owner.load(sidecar.read_bytes()) if sidecar.is_file() else None
    if owner is None or owner.is_gone(lock):
        logger.info("removing the files of an interrupted run in %s", staging)
        throw_away(staging)


def _clear_sidecar(sidecar: Path, lock: int) -> None:
    if not STAGING.fullmatch(sidecar.stem) or is_directory(sidecar.with_suffix("")):
        return
    owner = Owner.load(sidecar.read_bytes())
    if owner is None or owner.is_gone(lock):
        sidecar.unlink()


def throw_away(staging: Path) -> None:
    """Remove a next generation, so that its run cannot publish it if it wakes up."""
    if is_directory(staging):
        gone = staging.with_name(f"gone-{secrets.token_hex(8)}")
        rename_new(staging, gone)
        remove_tree(gone)
    Place.sidecar(staging).unlink(missing_ok=True)
