"""Every RPC of the campaigns service, and the function that answers it."""

from protos.campaigns_pb2_grpc import CampaignsServicer
from services.campaigns import (
    calendars,
    campaigns,
    current,
    distribution,
    distribution_config,
    escalating,
    escalations,
    intents,
    meeting_changes,
    meetings,
    notifications,
    pacing,
    recall,
    reminders,
    reports,
    resolutions,
    scheduling,
    starting,
)
from services.kit.rpc import Door, command, query, stream, workflow

AI_TOO = ("gateway", "intelligence")


class Campaigns(Door, CampaignsServicer):
    CreateCampaign = workflow(campaigns.create)
    ListCampaigns = query(campaigns.list_campaigns)
    GetCampaign = query(reports.get)
    SendCampaign = workflow(starting.send)
    PauseCampaign = workflow(recall.pause)
    ResumeCampaign = command(recall.resume)
    ProcessScheduled = workflow(starting.process_scheduled)
    CancelCampaign = workflow(recall.cancel)
    ListRecipients = query(reports.list_recipients)
    ExportRecipients = stream(reports.export)
    GetPacing = workflow(pacing.get_pacing)
    SetPacing = workflow(pacing.set_pacing)

    CreateEscalation = workflow(escalating.create, callers=AI_TOO)
    ListEscalations = query(escalations.list_escalations)
    PrepareEscalation = workflow(escalating.prepare, callers=AI_TOO)
    DistributeEscalations = workflow(distribution.distribute)
    ResolveEscalation = workflow(resolutions.resolve)
    GetDistribution = workflow(distribution_config.get_distribution)
    SetDistribution = workflow(distribution_config.set_distribution)
    ListNotifications = query(notifications.list_notifications)
    ReadNotification = command(notifications.read)

    ScheduleMeeting = workflow(meetings.schedule, callers=AI_TOO)
    ListMeetings = query(meetings.list_meetings)
    UpdateMeeting = workflow(meeting_changes.change)
    ProcessReminders = workflow(reminders.process)
    CancelMeeting = workflow(meeting_changes.cancel)
    GetMeeting = query(meetings.get)
    GetMeetingCalendar = stream(calendars.export)
    ListIntents = workflow(intents.list_intents)
    GetScheduling = query(scheduling.get_scheduling)
    SetScheduling = command(scheduling.set_scheduling)

    GetCurrent = query(current.get)
