"""Every RPC of the sales service, and the function that answers it."""

from protos.sales_pb2_grpc import SalesServicer
from services.kit.rpc import Door


class Sales(Door, SalesServicer):
    pass
