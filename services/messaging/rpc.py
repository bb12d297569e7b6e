"""Every RPC of the messaging service, and the function that answers it."""

from protos.messaging_pb2_grpc import MessagingServicer
from services.kit.rpc import Door, command, query, workflow
from services.messaging import (
    addressbook,
    assignment_rules,
    assignments,
    audience,
    beginnings,
    contexts,
    current,
    deliveries,
    details,
    endpoints,
    files,
    inbox,
    instances,
    macros,
    messages,
    modes,
    notes,
    probes,
    profile_checks,
    reading,
    sending,
    tallies,
    webhooks,
)

CONTEXTS = ("intelligence", "sales", "campaigns")
EVERYONE = ("gateway", *CONTEXTS)


class Messaging(Door, MessagingServicer):
    ListConversations = query(inbox.list_conversations)
    StartConversation = command(beginnings.start)
    GetConversation = query(details.get)
    UpdateConversation = workflow(details.change)
    ReadConversation = workflow(reading.read)
    AssignConversation = command(assignments.assign, callers=EVERYONE)
    SetMode = command(modes.set_mode, callers=EVERYONE)
    ListAssignments = query(assignments.list_assignments)
    ListNotes = query(notes.list_notes)
    CreateNote = command(notes.create)
    UpdateNote = command(notes.change)
    DeleteNote = command(notes.remove)

    SendMessage = workflow(sending.send)
    EditMessage = workflow(messages.edit)
    DeleteMessage = workflow(messages.delete)
    ListEdits = query(messages.list_edits)
    ReactToMessage = workflow(messages.react)

    ListMacros = query(macros.list_macros)
    CreateMacro = command(macros.create)
    UpdateMacro = command(macros.change)
    DeleteMacro = command(macros.remove)
    UseMacro = command(macros.use)
    ListAssignmentRules = query(assignment_rules.list_rules)
    CreateAssignmentRule = command(assignment_rules.create)
    UpdateAssignmentRule = command(assignment_rules.change)
    DeleteAssignmentRule = command(assignment_rules.remove)

    ListInstances = query(instances.list_instances)
    CreateInstance = workflow(instances.create)
    GetInstance = query(instances.get)
    UpdateInstance = workflow(instances.change)
    DeleteInstance = command(instances.remove)
    ConnectInstance = workflow(probes.connect)
    ConfigureWebhook = workflow(endpoints.configure)
    TestInstance = workflow(probes.test)
    CheckStatus = workflow(probes.check_status)

    ListContacts = query(addressbook.list_contacts)
    UpdateContact = command(addressbook.change)
    DeleteContact = command(addressbook.remove)
    FixNames = workflow(profile_checks.fix_names)
    SyncProfiles = workflow(profile_checks.sync_profiles)

    ReceiveWebhooks = workflow(webhooks.receive)
    GetCurrent = query(current.get)
    CreateFile = command(files.create)
    CompleteFile = command(files.complete)
    SignUpload = command(files.sign_upload)
    GetFile = workflow(files.get, callers=("gateway", "campaigns"))
    DeleteFile = workflow(files.delete)

    GetContext = query(contexts.get, callers=CONTEXTS)
    GetContact = query(addressbook.get, callers=CONTEXTS)
    CountAssigned = query(tallies.count_assigned, callers=("identity",))
    CheckInstances = query(instances.check, callers=CONTEXTS)
    ResolveAudience = query(audience.resolve, callers=CONTEXTS)
    Deliver = workflow(deliveries.deliver, callers=CONTEXTS)
    QueueMessages = command(deliveries.queue_messages, callers=CONTEXTS)
    CancelQueued = command(deliveries.cancel_queued, callers=CONTEXTS)
