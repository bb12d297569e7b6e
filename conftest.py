"""Read before anything imports gRPC: its fork handlers crash the children of a process that also serves."""

import os

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
