"""Every event that knowledge listens to, and the function that takes it."""

from protos import intelligence_pb2, knowledge_pb2
from services.kit.subscriptions import Subscription, apply
from services.knowledge import gaps, uses

SUBSCRIPTIONS: list[Subscription] = [
    apply(intelligence_pb2.KnowledgeUsed, uses.count_once),
    apply(intelligence_pb2.KnowledgeGapDetected, gaps.note),
    apply(knowledge_pb2.EntryCreated, gaps.resolve),
    apply(knowledge_pb2.EntryUpdated, gaps.resolve_again),
]
