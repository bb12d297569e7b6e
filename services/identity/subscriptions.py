"""Every event that identity listens to, and the function that takes it."""

from services.kit.subscriptions import Subscription

SUBSCRIPTIONS: list[Subscription] = []
