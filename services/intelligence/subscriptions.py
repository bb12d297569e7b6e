"""Every event that intelligence listens to, and the function that takes it."""

from protos import messaging_pb2
from services.intelligence import categories, compositions, replies, sentiment, sessions
from services.kit.subscriptions import Subscription, apply, react

SUBSCRIPTIONS: list[Subscription] = [
    react(messaging_pb2.MessageReceived, replies.answer, lanes=256),
    react(messaging_pb2.MessageReceived, sentiment.follow),
    react(messaging_pb2.MessageReceived, categories.follow),
    apply(messaging_pb2.MessageSent, sessions.reset_count),
    apply(messaging_pb2.MessageSent, compositions.keep_sample),
    apply(messaging_pb2.ConversationModeChanged, sessions.follow_mode),
]
