"""Every event that intelligence listens to, and the function that takes it."""

from protos import campaigns_pb2, messaging_pb2, sales_pb2
from services.intelligence import categories, compositions, handoffs, merging, replies, sentiment, sessions
from services.kit.subscriptions import Subscription, apply, react

SUBSCRIPTIONS: list[Subscription] = [
    react(messaging_pb2.MessageReceived, replies.answer, lanes=256),
    react(messaging_pb2.MessageReceived, sentiment.follow),
    react(messaging_pb2.MessageReceived, categories.follow),
    apply(messaging_pb2.MessageSent, sessions.reset_count),
    apply(messaging_pb2.MessageSent, compositions.keep_sample),
    apply(messaging_pb2.ConversationModeChanged, sessions.follow_mode),
    react(messaging_pb2.ConversationMerged, merging.follow),
    apply(sales_pb2.LeadScored, sessions.note_score),
    apply(sales_pb2.LeadQualified, sessions.note_qualified),
    react(campaigns_pb2.EscalationCreated, handoffs.write),
]
