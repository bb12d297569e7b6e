"""Every RPC of the messaging service, and the function that answers it."""

from protos.messaging_pb2_grpc import MessagingServicer
from services.kit.rpc import Door, command, query, workflow
from services.messaging import (
    contexts,
    conversations,
    current,
    deliveries,
    files,
    inbox,
    instances,
    sending,
    webhooks,
)

CONTEXTS = ("intelligence", "sales", "campaigns")


class Messaging(Door, MessagingServicer):
    ListConversations = query(inbox.list_conversations)
    GetConversation = query(conversations.get_conversation)
    SetMode = command(conversations.set_mode)
    ReadConversation = workflow(conversations.read)
    SendMessage = workflow(sending.send)
    ListInstances = query(instances.list_instances)
    CreateInstance = command(instances.create)
    ConfigureWebhook = workflow(instances.configure_webhook)
    ReceiveWebhooks = workflow(webhooks.receive)
    GetCurrent = query(current.get)
    CreateFile = command(files.create)
    CompleteFile = command(files.complete)
    SignUpload = command(files.sign_upload)
    GetFile = workflow(files.get)
    DeleteFile = workflow(files.delete)
    GetContext = query(contexts.get, callers=CONTEXTS)
    Deliver = workflow(deliveries.deliver, callers=CONTEXTS)
    QueueMessages = command(deliveries.queue_messages, callers=CONTEXTS)
    CancelQueued = command(deliveries.cancel_queued, callers=CONTEXTS)
