"""The model that reads, asked from many sides at once."""

import asyncio

from services.intelligence import embeddings
from services.kit.tables import new_id


async def test_a_question_does_not_wait_for_a_long_thread_to_be_read() -> None:
    done = []

    async def read(name: str, texts: list[str]) -> None:
        await embeddings.of(texts)
        done.append(name)

    thread = [f"Mensagem {new_id()}" for _ in range(20)]
    await asyncio.gather(read("thread", thread), read("question", ["Qual o horário de atendimento?"]))

    assert done == ["question", "thread"]


async def test_each_text_has_a_row_and_no_text_none() -> None:
    assert (await embeddings.of(["Oi", "Olá"])).shape == (2, 384)
    assert (await embeddings.of([])).shape == (0, 384)
