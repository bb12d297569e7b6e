"""idempotency keys"""

from services.kit.migrations.idempotency import create_idempotency_keys

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_idempotency_keys("knowledge")
