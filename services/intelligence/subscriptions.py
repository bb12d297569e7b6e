"""Every event that intelligence listens to, and the function that takes it."""

from protos import messaging_pb2
from services.intelligence import replies, sessions
from services.kit.subscriptions import Subscription, apply, react

SUBSCRIPTIONS: list[Subscription] = [
    react(messaging_pb2.MessageReceived, replies.answer, lanes=256),
    apply(messaging_pb2.MessageSent, sessions.reset_count),
    apply(messaging_pb2.ConversationModeChanged, sessions.follow_mode),
]
