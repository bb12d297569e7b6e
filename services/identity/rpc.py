"""Every RPC of the identity service, and the function that answers it."""

from protos.identity_pb2_grpc import IdentityServicer
from services.identity import config, keys, registration, revocations, sessions, users
from services.kit.rpc import Door, command, query, stream, workflow

SERVICES = ("messaging", "intelligence", "sales", "campaigns", "knowledge")
EVERYONE = (*SERVICES, "gateway")


class Identity(Door, IdentityServicer):
    Register = workflow(registration.register)
    Login = workflow(sessions.login)
    Refresh = workflow(sessions.refresh)
    Logout = command(sessions.logout)
    GetMe = query(users.get_me)
    ListUsers = query(users.list_users)

    GetKeys = workflow(keys.get_keys, callers=EVERYONE)
    WatchRevocations = stream(revocations.watch, callers=EVERYONE)
    GetPeople = query(users.get_people, callers=EVERYONE)
    ReadConfig = query(config.read, callers=EVERYONE)
