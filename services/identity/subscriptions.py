"""Every event that identity listens to, and the function that takes it."""

from protos import identity_pb2 as pb
from services.identity import mail, passwords
from services.kit.subscriptions import Subscription, apply, react

SUBSCRIPTIONS: list[Subscription] = [
    apply(pb.PasswordForgotten, passwords.offer),
    react(pb.MailPosted, mail.deliver, lanes=8),
]
