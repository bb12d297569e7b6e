"""Every RPC of the knowledge service, and the function that answers it."""

from protos.knowledge_pb2_grpc import KnowledgeServicer
from services.kit.rpc import Door, command, query
from services.knowledge import edits, entries, search


class Knowledge(Door, KnowledgeServicer):
    ListEntries = query(entries.list_entries)
    ManageEntry = command(edits.manage)
    Search = query(search.search, callers=("intelligence",))
