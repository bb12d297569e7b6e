"""Every RPC of the identity service, and the function that answers it."""

from protos.identity_pb2_grpc import IdentityServicer
from services.identity import (
    config,
    current,
    invites,
    keys,
    logins,
    members,
    passwords,
    registration,
    renewals,
    revocations,
    sessions,
    setup,
    users,
)
from services.kit.rpc import Door, command, query, stream, workflow

SERVICES = ("messaging", "intelligence", "sales", "campaigns", "knowledge")
EVERYONE = (*SERVICES, "gateway")


class Identity(Door, IdentityServicer):
    Register = workflow(registration.register)
    Login = workflow(logins.login)
    Refresh = workflow(renewals.refresh)
    Logout = command(sessions.logout)
    GetMe = query(users.get_me)
    ListSessions = query(sessions.list_sessions)
    RevokeSession = command(sessions.revoke)
    ForgotPassword = workflow(passwords.forgot)
    RenewPassword = workflow(passwords.renew)

    ListUsers = workflow(users.list_users)
    GetMyProfile = query(users.get_my_profile)
    UpdateMyProfile = command(users.update_my_profile)
    GetUser = query(users.get_user)

    ResetPassword = workflow(passwords.reset)
    ApproveUser = command(members.approve)
    DeactivateUser = command(members.deactivate)
    ActivateUser = command(members.activate)
    ChangeRole = command(members.change_role)
    ListAllUsers = query(members.list_all_users)
    ListUserSessions = query(sessions.list_user_sessions)

    Invite = command(invites.invite)
    ListInvites = query(invites.list_invites)
    AcceptInvite = workflow(invites.accept)
    RevokeInvite = command(invites.revoke)

    SaveConfig = command(config.save)
    GetConfig = query(config.get_config)
    SetUpInfrastructure = command(setup.set_up)
    GetSetupStatus = query(setup.get_status)

    GetCurrent = query(current.get)
    GetKeys = workflow(keys.get_keys, callers=EVERYONE)
    WatchRevocations = stream(revocations.watch, callers=EVERYONE)
    GetPeople = query(users.get_people, callers=EVERYONE)
    ReadConfig = query(config.read, callers=EVERYONE)
