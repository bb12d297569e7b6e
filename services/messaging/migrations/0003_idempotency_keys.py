"""idempotency keys"""

from services.kit.migrations.idempotency import create_idempotency_keys

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_idempotency_keys("messaging")
