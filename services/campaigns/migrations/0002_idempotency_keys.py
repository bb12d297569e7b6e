"""idempotency keys"""

from services.kit.migrations.idempotency import create_idempotency_keys

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_idempotency_keys("campaigns")
