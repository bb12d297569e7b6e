"""Every event that sales listens to, and the function that takes it."""

from protos import campaigns_pb2, identity_pb2, messaging_pb2
from protos import sales_pb2 as pb
from services.kit.subscriptions import apply, react
from services.sales import contacts, conversations, meetings, merging, owners

SUBSCRIPTIONS = [
    apply(messaging_pb2.MessageReceived, conversations.count),
    react(pb.QualificationDue, conversations.qualify, lanes=8),
    apply(messaging_pb2.ContactUpdated, contacts.follow),
    apply(messaging_pb2.ConversationMerged, merging.follow),
    react(identity_pb2.UserDeactivated, owners.flag),
    react(identity_pb2.UserReactivated, owners.unflag),
    apply(campaigns_pb2.MeetingScheduled, meetings.note_scheduled),
    apply(campaigns_pb2.MeetingRescheduled, meetings.note_rescheduled),
    apply(campaigns_pb2.MeetingReminderSent, meetings.note_reminded),
    apply(campaigns_pb2.MeetingCancelled, meetings.note_cancelled),
    apply(campaigns_pb2.MeetingNoShow, meetings.note_no_show),
]
