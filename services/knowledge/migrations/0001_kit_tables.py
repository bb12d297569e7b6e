"""kit tables"""

from services.kit.migrations.first import create_kit_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_kit_tables("knowledge")
