"""What intelligence does by the clock."""

from datetime import timedelta

from services.intelligence import examples, llm, retention, templates
from services.kit.jobs import Job, every

JOBS: list[Job] = [
    every(timedelta(hours=1), llm.check_models),
    every(timedelta(days=1), templates.rate),
    every(timedelta(days=1), examples.tidy),
    every(timedelta(days=1), retention.forget),
]
