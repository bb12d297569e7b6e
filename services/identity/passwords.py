"""Passwords: set by an administrator, or renewed by their owner with a link that goes by mail."""

import secrets
from datetime import timedelta

from protos import identity_pb2 as pb
from services.identity import hashing, mail, revocations, sessions, throttle, users
from services.identity.settings import settings
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Session
from services.kit.errors import Invalid
from services.kit.outbox import emit


class InvalidResetToken(Invalid):
    """Invalid or expired token"""


LIFETIME = timedelta(hours=1)

SET = """
    insert into user_passwords (user_id, password_hash, created_at, updated_at)
    values (%(id)s, %(hash)s, %(at)s, %(at)s)
    on conflict (user_id) do update
    set password_hash = excluded.password_hash, updated_at = excluded.updated_at
"""
OWNER = "select id, full_name, email from profiles where email = %(email)s and is_active and is_approved"
OFFER = """
    insert into password_reset_tokens (hash, user_id, expires_at, created_at)
    values (%(hash)s, %(user)s, %(until)s, %(at)s)
"""
OFFERED = """
    select user_id from password_reset_tokens
    where hash = %(hash)s and used_at is null and expires_at > %(at)s
"""
USED = "update password_reset_tokens set used_at = %(at)s where user_id = %(user)s and used_at is null"
EXPIRED = "delete from password_reset_tokens where expires_at < %(at)s"

SUBJECT = "Redefinição de senha"
LETTER = """\
Olá, {name}!

Recebemos um pedido para redefinir a sua senha no Convo Insight.
Para escolher uma nova senha, abra este endereço em até 1 hora:

{link}

Se não foi você quem pediu, ignore esta mensagem: a sua senha continua a mesma.
"""


async def save(session: Session, user: str, hash: str) -> None:
    await session.run(SET, id=user, hash=hash, at=now())


async def reset(db: Database, actor: Actor, request: pb.ResetPasswordRequest) -> pb.ResetPasswordResponse:
    hashing.check(request.new_password, "newPassword")
    async with db.read() as session:
        await users.found(session, request.user_id)
    hash = await hashing.hashed(request.new_password)
    async with db.begin() as session:
        await users.locked(session, request.user_id)
        await _replace(session, request.user_id, hash, by=actor.id)
    return pb.ResetPasswordResponse(success=True, message="Password reset successfully")


async def forgot(db: Database, actor: Actor, request: pb.ForgotPasswordRequest) -> pb.SuccessResponse:
    """Only notes the wish: whether there is such an account is found out where nobody can measure it."""
    email = request.email.strip().lower()
    await throttle.spend(db, throttle.limits("forgot-password", request.client_address, email))
    async with db.begin() as session:
        await emit(session, pb.PasswordForgotten(email=email))
    return pb.SuccessResponse(success=True)


async def offer(session: Session, event: pb.PasswordForgotten) -> None:
    """Send the link, if there is somebody to send it to."""
    owner = await session.first(OWNER, email=event.email)
    if owner is None:
        return
    token = secrets.token_urlsafe(32)
    await session.run(OFFER, hash=sessions.hashed(token), user=owner.id, until=now() + LIFETIME, at=now())
    link = f"{settings().frontend_url}/reset-password/{token}"
    await mail.post(session, owner.email, SUBJECT, LETTER.format(name=owner.full_name, link=link))


async def renew(db: Database, actor: Actor, request: pb.RenewPasswordRequest) -> pb.SuccessResponse:
    hashing.check(request.password)
    token = sessions.hashed(request.token)
    async with db.read() as session:
        user = await session.scalar(OFFERED, hash=token, at=now())
    if user is None:
        await throttle.spend(db, throttle.limits("reset-password", request.client_address))
        raise InvalidResetToken
    hash = await hashing.hashed(request.password)
    async with db.begin() as session:
        await users.locked(session, user)
        if not await session.scalar(OFFERED, hash=token, at=now()):
            raise InvalidResetToken
        await session.run(USED, user=user, at=now())
        await _replace(session, user, hash, by=None)
    return pb.SuccessResponse(success=True)


async def forget(db: Database) -> None:
    async with db.begin() as session:
        await session.run(EXPIRED, at=now())


async def _replace(session: Session, user: str, hash: str, *, by: str | None) -> None:
    await save(session, user, hash)
    await revocations.end_all_sessions(session, user)
    await emit(session, pb.PasswordReset(user_id=user, by=by))
