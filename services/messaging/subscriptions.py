"""Every event that messaging listens to, and the function that takes it."""

from protos import identity_pb2
from services.kit.subscriptions import apply
from services.messaging import people

SUBSCRIPTIONS = [
    apply(identity_pb2.UserRegistered, people.remember),
]
