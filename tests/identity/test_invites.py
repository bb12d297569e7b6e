"""Invitations: a link that works once."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from protos import identity_pb2 as pb
from services.identity import config, hashing, invites
from services.identity.invites import (
    InviteAlreadyAccepted,
    InviteHasExpired,
    InviteNotFound,
    MayNotInviteAdmins,
)
from services.identity.registration import EmailDomainNotAllowed, UserExists
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.errors import TooMany
from services.kit.settings import vault
from services.kit.tables import new_id
from tests.identity.people import (
    ADDRESS,
    ANA,
    BIA,
    GATEWAY,
    PASSWORD,
    bearer,
    claims,
    emitted,
    login,
    refresh,
    register,
    rows,
    run,
    together,
)

SUPERVISOR = Actor(id=new_id(), role="supervisor")
SECTOR = new_id()
WEEK = 7 * 86_400


async def admin(db: Database) -> Actor:
    return bearer((await register(db)).access_token)


async def invite(db: Database, actor: Actor = SUPERVISOR, email: str = BIA, **more: Any) -> pb.InviteResponse:
    return await run(db, invites.invite, actor, pb.InviteRequest(email=email, **more))


async def accept(db: Database, token: str, **more: Any) -> pb.AcceptInviteResponse:
    fields = {"full_name": " Bia Lima ", "password": PASSWORD, "client_address": ADDRESS, **more}
    return await invites.accept(db, GATEWAY, pb.AcceptInviteRequest(token=token, **fields))


async def listed(db: Database, **filters: Any) -> list[tuple[str, str]]:
    reply = await run(db, invites.list_invites, SUPERVISOR, pb.ListInvitesRequest(**filters))
    return [(one.email, one.status) for one in reply.invites]


async def revoke(db: Database, id: str) -> pb.SuccessResponse:
    return await run(db, invites.revoke, SUPERVISOR, pb.RevokeInviteRequest(id=id))


async def test_an_invitation_says_where_to_accept_it(db: Database) -> None:
    reply = await invite(db, email=" Bia@Empresa.com.br ", sector_id=SECTOR)

    token = reply.invite.invite_token
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert reply.invite_link == f"https://app.empresa.com.br/accept-invite/{token}"
    assert reply.message == "Invite created successfully"
    assert (reply.invite.email, reply.invite.role, reply.invite.status) == (BIA, "agent", "pending")
    assert (reply.invite.sector_id, reply.invite.invited_by) == (SECTOR, SUPERVISOR.id)


async def test_the_invited_person_gets_a_letter_with_the_link(db: Database) -> None:
    reply = await invite(db)

    (letter,) = await rows(db, "select id, recipient, body from mails")
    assert letter.recipient == BIA
    assert reply.invite_link in vault().open(f"mails|{letter.id}|body", letter.body)
    assert await emitted(db) == ["invite_created", "mail_posted"]


async def test_the_token_is_nowhere_in_the_database(db: Database) -> None:
    token = (await invite(db)).invite.invite_token

    found = await rows(
        db,
        """
        select i::text as line from team_invites i union all select m::text from mails m
        union all select encode(body, 'escape') from outbox
        """,
    )

    assert not any(token in row.line for row in found)


async def test_whoever_accepts_is_in_with_the_role_of_the_invitation(db: Database) -> None:
    ana = await admin(db)
    token = (await invite(db, ana, role="admin")).invite.invite_token

    reply = await accept(db, token)

    assert (reply.success, reply.user.email, reply.user.full_name) == (True, BIA, "Bia Lima")
    assert claims(reply.access_token)["role"] == reply.user.role == "admin"
    assert (await refresh(db, reply.refresh_token)).access_token
    assert (await login(db, BIA)).user.is_approved
    assert await listed(db, status="accepted") == [(BIA, "accepted")]
    assert (await emitted(db))[-3:] == ["invite_accepted", "user_registered", "user_logged_in"]


async def test_an_invited_person_needs_no_approval(db: Database) -> None:
    ana = await admin(db)
    async with db.begin() as session:
        await config.write(session, ana, {"require_account_approval": True})

    reply = await accept(db, (await invite(db)).invite.invite_token)

    assert reply.access_token


async def test_of_twenty_that_accept_one_invitation_one_succeeds(db: Database) -> None:
    token = (await invite(db)).invite.invite_token

    replies = await together(*(accept(db, token, full_name=f"Pessoa {n}") for n in range(20)))

    assert len([reply for reply in replies if isinstance(reply, pb.AcceptInviteResponse)]) == 1
    assert {type(reply) for reply in replies} == {pb.AcceptInviteResponse, InviteNotFound}
    assert len(await rows(db, "select id from profiles")) == 1


async def test_an_invitation_works_once(db: Database) -> None:
    token = (await invite(db)).invite.invite_token
    await accept(db, token)

    with pytest.raises(InviteNotFound, match="Invite not found or already used"):
        await accept(db, token)


async def test_guessing_invitations_is_slowed_down(db: Database) -> None:
    guesses = [(await together(accept(db, f"guess {number}")))[0] for number in range(31)]

    assert isinstance(guesses[29], InviteNotFound)
    assert isinstance(guesses[30], TooMany)


async def test_an_invitation_lives_a_week(db: Database, pass_time: Callable[[float], None]) -> None:
    token = (await invite(db)).invite.invite_token
    pass_time(WEEK + 1)

    with pytest.raises(InviteHasExpired) as refused:
        await accept(db, token)

    assert (refused.value.status, refused.value.message) == (400, "Invite has expired")
    assert await listed(db, status="expired") == [(BIA, "expired")]
    assert "invite_expired" in await emitted(db)


async def test_an_invitation_that_the_clock_has_marked_says_still_that_it_is_too_late(
    db: Database, pass_time: Callable[[float], None]
) -> None:
    token = (await invite(db)).invite.invite_token
    pass_time(WEEK + 1)
    await invites.expire(db)

    with pytest.raises(InviteHasExpired):
        await accept(db, token)

    assert (await emitted(db)).count("invite_expired") == 1


async def test_the_clock_marks_what_is_past_its_time_once(
    db: Database, pass_time: Callable[[float], None]
) -> None:
    await invite(db)
    pass_time(WEEK + 1)
    shown = await listed(db), await listed(db, status="expired")

    await invites.expire(db)
    await invites.expire(db)

    assert shown == ([], [(BIA, "expired")])
    assert (await emitted(db)).count("invite_expired") == 1


async def test_inviting_again_renews_the_open_invitation(db: Database) -> None:
    first = await invite(db)

    second = await invite(db, email="BIA@empresa.com.br", role="supervisor")

    assert second.invite.id == first.invite.id
    assert second.invite.role == "supervisor"
    assert await listed(db) == [(BIA, "pending")]
    with pytest.raises(InviteNotFound):
        await accept(db, first.invite.invite_token)
    assert (await accept(db, second.invite.invite_token)).user.role == "supervisor"


async def test_ten_invitations_of_one_person_at_once_are_one(db: Database) -> None:
    replies = await together(*(invite(db) for _ in range(10)))

    assert len({reply.invite.id for reply in replies}) == 1


async def test_after_an_invitation_was_revoked_another_can_follow(db: Database) -> None:
    first = await invite(db)
    await revoke(db, first.invite.id)

    second = await invite(db)

    assert second.invite.id != first.invite.id
    assert await listed(db) == [(BIA, "pending")]


async def test_only_an_admin_invites_an_admin(db: Database) -> None:
    with pytest.raises(MayNotInviteAdmins) as refused:
        await invite(db, role="admin")

    assert refused.value.status == 403


async def test_whoever_is_here_needs_no_invitation(db: Database) -> None:
    await register(db)

    with pytest.raises(UserExists):
        await invite(db, email=ANA.upper())


async def test_whoever_registered_meanwhile_cannot_accept(db: Database) -> None:
    await register(db)
    token = (await invite(db)).invite.invite_token
    await register(db, BIA)

    with pytest.raises(UserExists):
        await accept(db, token)


async def test_invitations_obey_the_domains_of_the_workspace(db: Database) -> None:
    async with db.begin() as session:
        values = {"restrict_signup_by_domain": True, "allowed_email_domains": ["outra.com.br"]}
        await config.write(session, SUPERVISOR, values)

    with pytest.raises(EmailDomainNotAllowed):
        await invite(db)


async def test_accepting_obeys_the_rules_of_passwords(db: Database) -> None:
    token = (await invite(db)).invite.invite_token

    with pytest.raises(hashing.PasswordTooShort):
        await accept(db, token, password="1")


async def test_a_revoked_invitation_is_dead(db: Database) -> None:
    issued = await invite(db)

    replies = [await revoke(db, issued.invite.id) for _ in range(2)]

    assert all(reply.success for reply in replies)
    assert (await emitted(db)).count("invite_revoked") == 1
    assert await listed(db, status="revoked") == [(BIA, "revoked")]
    with pytest.raises(InviteNotFound):
        await accept(db, issued.invite.invite_token)


async def test_an_accepted_invitation_cannot_be_revoked(db: Database) -> None:
    issued = await invite(db)
    await accept(db, issued.invite.invite_token)

    with pytest.raises(InviteAlreadyAccepted) as refused:
        await revoke(db, issued.invite.id)

    assert refused.value.status == 400


async def test_an_invitation_that_never_was_cannot_be_revoked(db: Database) -> None:
    with pytest.raises(InviteNotFound, match=r"^Invite not found$"):
        await revoke(db, new_id())


async def test_open_invitations_are_listed_newest_first_without_tokens(db: Database) -> None:
    for number in range(3):
        await invite(db, email=f"p{number}@empresa.com.br")

    first = await run(db, invites.list_invites, SUPERVISOR, pb.ListInvitesRequest(limit=2, include=["total"]))
    second = await run(
        db,
        invites.list_invites,
        SUPERVISOR,
        pb.ListInvitesRequest(limit=2, cursor=first.pagination.next_cursor),
    )

    shown = [one.email for reply in (first, second) for one in reply.invites]
    assert shown == [f"p{number}@empresa.com.br" for number in (2, 1, 0)]
    assert first.pagination.total == 3
    assert "invite_token" not in pb.TeamInvite.DESCRIPTOR.fields_by_name
