"""Every RPC of the campaigns service, and the function that answers it."""

from protos.campaigns_pb2_grpc import CampaignsServicer
from services.kit.rpc import Door


class Campaigns(Door, CampaignsServicer):
    pass
