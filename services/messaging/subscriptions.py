"""Every event that messaging listens to, and the function that takes it."""

from protos import identity_pb2, intelligence_pb2, messaging_pb2
from services.kit.subscriptions import apply, react
from services.messaging import gaps, judgements, people

SUBSCRIPTIONS = [
    react(identity_pb2.UserRegistered, people.remember),
    react(identity_pb2.UserUpdated, people.follow_changes),
    react(identity_pb2.UserApproved, people.follow_approval),
    react(identity_pb2.RoleChanged, people.follow_role),
    react(identity_pb2.UserReactivated, people.follow_return),
    react(identity_pb2.UserDeactivated, people.follow_leaving),
    apply(intelligence_pb2.SentimentAnalyzed, judgements.note_feeling),
    apply(intelligence_pb2.ConversationCategorized, judgements.note_category),
    react(messaging_pb2.InstanceStatusChanged, gaps.follow_connection),
]
