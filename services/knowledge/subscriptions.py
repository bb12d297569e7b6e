"""Every event that knowledge listens to, and the function that takes it."""

from services.kit.subscriptions import Subscription

SUBSCRIPTIONS: list[Subscription] = []
