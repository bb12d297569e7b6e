"""Every event that campaigns listens to, and the function that takes it."""

from protos import campaigns_pb2 as pb
from protos import identity_pb2 as identity
from protos import intelligence_pb2 as intelligence
from protos import messaging_pb2 as messaging
from protos import sales_pb2 as sales
from services.campaigns import (
    absences,
    distribution,
    escalating,
    handovers,
    intents,
    meeting_changes,
    meetings,
    merging,
    outcomes,
    recall,
    resolutions,
    sending,
    sla,
    starting,
)
from services.kit.subscriptions import apply, react

SUBSCRIPTIONS = [
    react(pb.AudienceDue, starting.write_audience, lanes=8),
    react(pb.BatchDue, sending.send_batch, lanes=16),
    react(pb.CampaignPaused, recall.recall_paused),
    react(pb.CampaignCancelled, recall.end_cancelled),
    apply(messaging.MessageSent, outcomes.sent),
    apply(messaging.MessageStatusChanged, outcomes.status_changed),
    apply(messaging.QueuedMessageDropped, outcomes.dropped),
    apply(messaging.ContactOptedOut, outcomes.opted_out),
    apply(messaging.InstanceStatusChanged, sending.follow_instance),
    react(intelligence.EscalationRequested, escalating.request),
    apply(intelligence.HandoffPrepared, escalating.attach_handoff),
    react(pb.EscalationCreated, escalating.take_over),
    react(pb.EscalationAssigned, handovers.hand_over),
    react(pb.EscalationResolved, handovers.give_back),
    react(pb.DistributionDue, distribution.redistribute),
    apply(messaging.ConversationAssigned, resolutions.claim_assigned),
    apply(messaging.MessageSent, resolutions.claim_answered),
    react(messaging.ConversationModeChanged, resolutions.abandon_returned),
    react(messaging.ConversationClosed, resolutions.abandon_closed),
    react(messaging.ConversationMerged, merging.follow),
    apply(identity.UserDeactivated, resolutions.release),
    apply(identity.UserDeactivated, absences.warn_of_attendee),
    react(intelligence.SchedulingIntentDetected, intents.hear),
    react(messaging.MessageReceived, intents.answer),
    apply(sales.LeadDeleted, meetings.forget_lead),
    react(pb.MeetingCancelled, meeting_changes.tell_contact),
    apply(messaging.MessageReceived, sla.note_received),
    apply(messaging.MessageSent, sla.note_answered),
    apply(messaging.ConversationClosed, sla.note_closed),
]
