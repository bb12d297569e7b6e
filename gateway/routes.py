"""The public API, on one page: method, path, the RPC that answers, and who may call it."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

from protos import campaigns_pb2, identity_pb2, intelligence_pb2, knowledge_pb2, messaging_pb2, sales_pb2

PUBLIC: frozenset[str] = frozenset()
ANYONE = frozenset({"admin", "supervisor", "agent"})
SUPERVISORS = frozenset({"admin", "supervisor"})
ADMINS = frozenset({"admin"})

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    rpc: MethodDescriptor
    roles: frozenset[str]
    status: int = 200
    timeout: float = 15.0
    body_limit: int = 10 * MEGABYTE
    keyed: bool = False  # honours Idempotency-Key
    media: str = ""  # what the answer is, where it is a file: the RPC streams it (gateway/documents.py)
    takes_file: bool = False  # multipart/form-data instead of JSON; answered by gateway/storage.py


def get(path: str, rpc: MethodDescriptor, roles: frozenset[str], **options: Any) -> Route:
    return Route("GET", path, rpc, roles, **options)


def post(path: str, rpc: MethodDescriptor, roles: frozenset[str], **options: Any) -> Route:
    """Idempotency-Key is honoured wherever somebody known posts, and where something is made."""
    keyed = bool(roles) or options.get("status") == 201
    return Route("POST", path, rpc, roles, **{"keyed": keyed, **options})


def put(path: str, rpc: MethodDescriptor, roles: frozenset[str], **options: Any) -> Route:
    return Route("PUT", path, rpc, roles, **options)


def delete(path: str, rpc: MethodDescriptor, roles: frozenset[str], **options: Any) -> Route:
    return Route("DELETE", path, rpc, roles, **options)


def _rpcs(file: FileDescriptor) -> Any:
    (service,) = file.services_by_name.values()
    return SimpleNamespace(**service.methods_by_name)


FILES: tuple[FileDescriptor, ...] = tuple(
    file.DESCRIPTOR
    for file in (identity_pb2, messaging_pb2, intelligence_pb2, sales_pb2, campaigns_pb2, knowledge_pb2)
)
identity = _rpcs(identity_pb2.DESCRIPTOR)
messaging = _rpcs(messaging_pb2.DESCRIPTOR)
intelligence = _rpcs(intelligence_pb2.DESCRIPTOR)
sales = _rpcs(sales_pb2.DESCRIPTOR)
campaigns = _rpcs(campaigns_pb2.DESCRIPTOR)
knowledge = _rpcs(knowledge_pb2.DESCRIPTOR)

ROUTES = [
    post("/api/auth/register", identity.Register, PUBLIC, status=201),
    post("/api/auth/login", identity.Login, PUBLIC),
    post("/api/auth/refresh", identity.Refresh, PUBLIC),
    post("/api/auth/logout", identity.Logout, ANYONE),
    get("/api/auth/me", identity.GetMe, ANYONE),
    get("/api/auth/sessions", identity.ListSessions, ANYONE),
    delete("/api/auth/sessions/{id}", identity.RevokeSession, ANYONE),
    post("/api/auth/forgot-password", identity.ForgotPassword, PUBLIC),
    post("/api/auth/reset-password", identity.RenewPassword, PUBLIC),
    get("/api/users", identity.ListUsers, ANYONE),
    get("/api/users/me", identity.GetMyProfile, ANYONE),
    put("/api/users/me", identity.UpdateMyProfile, ANYONE),
    get("/api/users/{id}", identity.GetUser, ANYONE),
    get("/api/conversations", messaging.ListConversations, ANYONE),
    post("/api/conversations", messaging.StartConversation, ANYONE, status=201),
    get("/api/conversations/{id}", messaging.GetConversation, ANYONE),
    put("/api/conversations/{id}", messaging.UpdateConversation, ANYONE, timeout=30.0),
    post("/api/conversations/{id}/read", messaging.ReadConversation, ANYONE, timeout=30.0),
    post("/api/conversations/{id}/assign", messaging.AssignConversation, ANYONE),
    post("/api/conversations/{id}/mode", messaging.SetMode, ANYONE),
    get("/api/conversations/{id}/assignments", messaging.ListAssignments, ANYONE),
    get("/api/conversations/{id}/notes", messaging.ListNotes, ANYONE),
    post("/api/conversations/{id}/notes", messaging.CreateNote, ANYONE, status=201),
    put("/api/conversations/{id}/notes/{noteId}", messaging.UpdateNote, ANYONE),
    delete("/api/conversations/{id}/notes/{noteId}", messaging.DeleteNote, ANYONE),
    post(
        "/api/whatsapp/messages/send",
        messaging.SendMessage,
        ANYONE,
        timeout=45.0,
        body_limit=25 * MEGABYTE,
    ),
    put("/api/whatsapp/messages/{id}", messaging.EditMessage, ANYONE, timeout=45.0),
    delete("/api/whatsapp/messages/{id}", messaging.DeleteMessage, ANYONE, timeout=45.0),
    get("/api/whatsapp/messages/{id}/history", messaging.ListEdits, ANYONE),
    post("/api/whatsapp/messages/{id}/reactions", messaging.ReactToMessage, ANYONE, timeout=45.0),
    get("/api/whatsapp/macros", messaging.ListMacros, ANYONE),
    post("/api/whatsapp/macros", messaging.CreateMacro, SUPERVISORS, status=201),
    put("/api/whatsapp/macros/{id}", messaging.UpdateMacro, SUPERVISORS),
    delete("/api/whatsapp/macros/{id}", messaging.DeleteMacro, SUPERVISORS),
    post("/api/whatsapp/macros/{id}/use", messaging.UseMacro, ANYONE),
    get("/api/whatsapp/assignment-rules", messaging.ListAssignmentRules, SUPERVISORS),
    post("/api/whatsapp/assignment-rules", messaging.CreateAssignmentRule, SUPERVISORS, status=201),
    put("/api/whatsapp/assignment-rules/{id}", messaging.UpdateAssignmentRule, SUPERVISORS),
    delete("/api/whatsapp/assignment-rules/{id}", messaging.DeleteAssignmentRule, SUPERVISORS),
    get("/api/whatsapp/instances", messaging.ListInstances, ANYONE),
    post("/api/whatsapp/instances", messaging.CreateInstance, ADMINS, status=201),
    get("/api/whatsapp/instances/check-status", messaging.CheckStatus, ANYONE, timeout=60.0),
    get("/api/whatsapp/instances/{id}", messaging.GetInstance, ANYONE),
    put("/api/whatsapp/instances/{id}", messaging.UpdateInstance, ADMINS),
    delete("/api/whatsapp/instances/{id}", messaging.DeleteInstance, ADMINS, timeout=60.0),
    post("/api/whatsapp/instances/{id}/connect", messaging.ConnectInstance, ADMINS, timeout=45.0),
    post("/api/whatsapp/instances/{id}/configure-webhook", messaging.ConfigureWebhook, ADMINS, timeout=60.0),
    post("/api/whatsapp/instances/{id}/test", messaging.TestInstance, SUPERVISORS, timeout=30.0),
    get("/api/whatsapp/contacts", messaging.ListContacts, ANYONE),
    put("/api/whatsapp/contacts/{id}", messaging.UpdateContact, ANYONE),
    delete("/api/whatsapp/contacts/{id}", messaging.DeleteContact, ADMINS),
    post("/api/whatsapp/contacts/fix-names", messaging.FixNames, SUPERVISORS, timeout=60.0),
    post("/api/whatsapp/contacts/sync-profiles", messaging.SyncProfiles, SUPERVISORS, timeout=60.0),
    post("/api/whatsapp/sentiment/analyze", intelligence.AnalyzeSentiment, ANYONE, timeout=45.0),
    post(
        "/api/whatsapp/conversations/{id}/summary", intelligence.SummarizeConversation, ANYONE, timeout=45.0
    ),
    post(
        "/api/whatsapp/conversations/{id}/categorize",
        intelligence.CategorizeConversation,
        ANYONE,
        timeout=45.0,
    ),
    post("/api/ai/respond", intelligence.Respond, ANYONE, timeout=60.0),
    post("/api/ai/compose-message", intelligence.ComposeMessage, ANYONE, timeout=45.0),
    post("/api/ai/suggest-replies", intelligence.SuggestReplies, ANYONE, timeout=45.0),
    post("/api/ai/learn", intelligence.Learn, ANYONE, timeout=45.0),
    get("/api/ai/config", intelligence.GetConfig, ANYONE),
    put("/api/ai/config", intelligence.UpdateConfig, SUPERVISORS),
    get("/api/ai/status", intelligence.GetStatus, ANYONE),
    get("/api/ai/templates", intelligence.ListTemplates, ANYONE),
    post("/api/ai/templates", intelligence.CreateTemplate, SUPERVISORS, status=201),
    put("/api/ai/templates/{id}", intelligence.UpdateTemplate, SUPERVISORS),
    delete("/api/ai/templates/{id}", intelligence.DeleteTemplate, SUPERVISORS),
    get("/api/ai/examples", intelligence.ListExamples, ANYONE),
    post("/api/ai/examples", intelligence.CreateExample, SUPERVISORS, status=201),
    put("/api/ai/examples/{id}", intelligence.UpdateExample, SUPERVISORS),
    delete("/api/ai/examples/{id}", intelligence.DeleteExample, SUPERVISORS),
    post("/api/campaigns", campaigns.CreateCampaign, SUPERVISORS, status=201),
    get("/api/campaigns", campaigns.ListCampaigns, ANYONE),
    get("/api/campaigns/{id}", campaigns.GetCampaign, ANYONE),
    get("/api/campaigns/{id}/recipients", campaigns.ListRecipients, ANYONE),
    get("/api/campaigns/{id}/recipients.csv", campaigns.ExportRecipients, ANYONE, media="text/csv"),
    post("/api/campaigns/{id}/send", campaigns.SendCampaign, SUPERVISORS, status=202, timeout=60.0),
    post("/api/campaigns/process-scheduled", campaigns.ProcessScheduled, SUPERVISORS, timeout=60.0),
    post("/api/campaigns/{id}/pause", campaigns.PauseCampaign, SUPERVISORS),
    post("/api/campaigns/{id}/resume", campaigns.ResumeCampaign, SUPERVISORS),
    post("/api/campaigns/{id}/cancel", campaigns.CancelCampaign, SUPERVISORS),
    get("/api/campaigns/pacing/{instanceId}", campaigns.GetPacing, SUPERVISORS),
    put("/api/campaigns/pacing/{instanceId}", campaigns.SetPacing, ADMINS),
    post("/api/leads", sales.CreateLead, ANYONE, status=201),
    get("/api/leads", sales.ListLeads, ANYONE),
    get("/api/leads/{id}", sales.GetLead, ANYONE),
    put("/api/leads/{id}", sales.UpdateLead, ANYONE),
    post("/api/leads/{id}/activities", sales.AddActivity, ANYONE, status=201),
    post("/api/leads/{id}/qualify", sales.QualifyLead, ANYONE, timeout=45.0),
    delete("/api/leads/{id}", sales.DeleteLead, SUPERVISORS),
    post("/api/escalations", campaigns.CreateEscalation, ANYONE, status=201),
    get("/api/escalations", campaigns.ListEscalations, ANYONE),
    post("/api/escalations/prepare", campaigns.PrepareEscalation, ANYONE, timeout=45.0),
    post("/api/escalations/distribute", campaigns.DistributeEscalations, SUPERVISORS, timeout=45.0),
    post("/api/escalations/{id}/resolve", campaigns.ResolveEscalation, ANYONE),
    get("/api/escalations/distribution", campaigns.GetDistribution, SUPERVISORS),
    put("/api/escalations/distribution", campaigns.SetDistribution, ADMINS),
    get("/api/notifications", campaigns.ListNotifications, ANYONE),
    post("/api/notifications/{id}/read", campaigns.ReadNotification, ANYONE),
    post("/api/meetings/schedule", campaigns.ScheduleMeeting, ANYONE, status=201),
    get("/api/meetings", campaigns.ListMeetings, ANYONE),
    get("/api/meetings/{id}", campaigns.GetMeeting, ANYONE),
    get("/api/meetings/{id}/calendar.ics", campaigns.GetMeetingCalendar, ANYONE, media="text/calendar"),
    put("/api/meetings/{id}", campaigns.UpdateMeeting, ANYONE),
    post("/api/meetings/reminders/process", campaigns.ProcessReminders, SUPERVISORS, timeout=60.0),
    post("/api/meetings/{id}/cancel", campaigns.CancelMeeting, ANYONE),
    get("/api/meetings/intents", campaigns.ListIntents, ANYONE),
    get("/api/meetings/scheduling", campaigns.GetScheduling, ANYONE),
    put("/api/meetings/scheduling", campaigns.SetScheduling, ADMINS),
    get("/api/knowledge", knowledge.ListEntries, ANYONE),
    post("/api/knowledge/manage", knowledge.ManageEntry, SUPERVISORS, status=201, timeout=60.0),
    put("/api/knowledge/manage/{id}", knowledge.UpdateEntry, SUPERVISORS),
    delete("/api/knowledge/manage/{id}", knowledge.DeleteEntry, SUPERVISORS),
    post("/api/knowledge/extract", intelligence.ExtractKnowledge, SUPERVISORS, timeout=60.0),
    post("/api/knowledge/optimize", knowledge.OptimizeKnowledge, ADMINS, timeout=30.0),
    post("/api/knowledge/{id}/use", knowledge.UseEntry, ANYONE),
    post("/api/admin/reset-password/{userId}", identity.ResetPassword, ADMINS),
    post("/api/admin/approve-user/{userId}", identity.ApproveUser, ADMINS),
    post("/api/admin/deactivate-user/{userId}", identity.DeactivateUser, ADMINS),
    post("/api/admin/activate-user/{userId}", identity.ActivateUser, ADMINS),
    post("/api/admin/change-role/{userId}", identity.ChangeRole, ADMINS),
    get("/api/admin/users", identity.ListAllUsers, SUPERVISORS),
    get("/api/admin/users/{userId}/sessions", identity.ListUserSessions, ADMINS),
    post("/api/team/invite", identity.Invite, SUPERVISORS),
    get("/api/team/invites", identity.ListInvites, SUPERVISORS),
    post("/api/team/accept-invite/{token}", identity.AcceptInvite, PUBLIC, keyed=True),
    delete("/api/team/invites/{id}", identity.RevokeInvite, SUPERVISORS),
    post("/api/setup/config", identity.SaveConfig, ADMINS),
    get("/api/setup/config", identity.GetConfig, ANYONE),
    post("/api/setup/infrastructure", identity.SetUpInfrastructure, ADMINS),
    get("/api/setup/status", identity.GetSetupStatus, ANYONE),
    post(
        "/api/storage/upload",
        messaging.CompleteFile,
        ANYONE,
        takes_file=True,
        timeout=280.0,
        body_limit=51 * MEGABYTE,
    ),
    get("/api/storage/download", messaging.GetFile, ANYONE),
    get("/api/storage/download/{key:path}", messaging.GetFile, ANYONE),
    post("/api/storage/signed-upload-url", messaging.SignUpload, ANYONE),
    delete("/api/storage/{key:path}", messaging.DeleteFile, ANYONE),
]
