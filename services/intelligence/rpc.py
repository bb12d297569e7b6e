"""Every RPC of the intelligence service, and the function that answers it."""

from protos.intelligence_pb2_grpc import IntelligenceServicer
from services.intelligence import agents, replies, status
from services.kit.rpc import Door, workflow


class Intelligence(Door, IntelligenceServicer):
    Respond = workflow(replies.respond)
    GetConfig = workflow(agents.get)
    UpdateConfig = workflow(agents.update)
    GetStatus = workflow(status.get)
