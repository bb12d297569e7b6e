"""Every RPC of the knowledge service, and the function that answers it."""

from protos.knowledge_pb2_grpc import KnowledgeServicer
from services.kit.rpc import Door, command, query, workflow
from services.knowledge import current, edits, entries, optimization, search, uses


class Knowledge(Door, KnowledgeServicer):
    ListEntries = query(entries.list_entries)
    ManageEntry = workflow(edits.manage, callers=("gateway", "intelligence"))
    UpdateEntry = workflow(edits.change)
    DeleteEntry = command(edits.remove)
    OptimizeKnowledge = workflow(optimization.optimize)
    UseEntry = command(uses.count)
    GetCurrent = query(current.get)
    Search = workflow(search.search, callers=("intelligence",))
