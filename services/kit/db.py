"""PostgreSQL: one kind of session over psycopg; statements are SQLAlchemy's, compiled once per shape."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.rows import namedtuple_row
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from services.kit import telemetry

Row = Any
Statement = Executable | str

OPTIONS = (
    "-c TimeZone=UTC -c lock_timeout=5s -c statement_timeout=60s -c idle_in_transaction_session_timeout=15s"
    " -c random_page_cost=1.1"  # of disks without heads; at 4 an index loses to reading everything
)
WITH_MILLISECONDS = len("2026-11-23 18:42:50.427+00")
DIALECT: Any = PGDialect_psycopg()  # type: ignore[no-untyped-call]


class TimeLoader(Loader):
    """`2026-11-23 18:42:50.427+00` to `2026-11-23T18:42:50.427Z`, ten times cheaper than datetime."""

    def load(self, data: Buffer) -> str:
        text = str(data, "ascii")
        if len(text) == WITH_MILLISECONDS:
            return f"{text[:10]}T{text[11:23]}Z"
        return f"{text[:10]}T{text[11:19]}.{text[20:-3][:3]:0<3}Z"


class NumberLoader(Loader):
    def load(self, data: Buffer) -> float:
        return float(bytes(data))


_compiled: dict[Any, Any] = {}
_constants: WeakKeyDictionary[Executable, Any] = WeakKeyDictionary()
_column_keys: list[str] = []


class Session:
    """One connection for one piece of work. Rows are named tuples."""

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        self.connection = connection
        self.announced = False

    async def run(self, statement: Statement, **values: Any) -> int:
        """The number of rows that it touched."""
        return (await self._execute(statement, values)).rowcount

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        return await (await self._execute(statement, values)).fetchall()

    async def first(self, statement: Statement, **values: Any) -> Row | None:
        return await (await self._execute(statement, values)).fetchone()

    async def scalar(self, statement: Statement, **values: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self.first(statement, **values)
        return None if row is None else row[0]

    async def _execute(self, statement: Statement, values: dict[str, Any]) -> AsyncCursor[Row]:
        sql, parameters = (statement, values) if isinstance(statement, str) else bind(statement, values)
        with telemetry.span("sql", statement=sql):
            return await self.connection.execute(sql.encode(), parameters)


def bind(statement: Executable, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The SQL and parameters of a statement, compiled once per shape; `values` fill its bindparams.

    A statement that is there to stay is not even looked at again, which is most of what a small read costs.
    Columns with a Python default (ids, times) are filled here, as the engine would.
    """
    known = _constants.get(statement)
    if known is None:
        compiling: Any = statement
        known = compiling._compile_w_cache(DIALECT, compiled_cache=_compiled, column_keys=_column_keys)
        _constants[statement] = known
    compiled, extracted, collected, _ = known
    for column in compiled.insert_prefetch:
        values.setdefault(column.key, _value(column.default))
    for column in compiled.update_prefetch:
        values.setdefault(column.key, _value(column.onupdate))
    parameters: dict[str, Any] = compiled.construct_params(
        values, extracted_parameters=extracted, _collected_params=collected
    )
    if compiled.post_compile_params:
        expanded = compiled._process_parameters_for_postcompile(parameters)
        return expanded.statement, parameters | expanded.additional_parameters
    return compiled.string, parameters


def _value(default: Any) -> Any:
    return default.arg(None) if default.is_callable else default.arg


class Database:
    """Two pools of one role: `read` sessions cannot write, a `begin` session is one transaction."""

    def __init__(self, url: str, *, schema: str, size: int = 6) -> None:
        self.schema = schema
        self.committed = asyncio.Event()
        self._writers = _pool(url, schema, size, "")
        self._readers = _pool(url, schema, size, " -c default_transaction_read_only=on")

    async def open(self) -> None:
        await asyncio.gather(
            self._writers.open(wait=True, timeout=20), self._readers.open(wait=True, timeout=20)
        )

    async def close(self) -> None:
        await asyncio.gather(self._writers.close(), self._readers.close())

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        """Each statement by itself; PostgreSQL refuses writes."""
        async with self._readers.connection() as connection:
            yield Session(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Session]:
        """Each statement by itself, and committed; not for what announces events."""
        async with self._writers.connection() as connection:
            yield Session(connection)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Session]:
        """Commits when the block ends, rolls back when it raises."""
        async with self._writers.connection() as connection:
            session = Session(connection)
            async with connection.transaction():
                yield session
        if session.announced:
            self.committed.set()


def _pool(url: str, schema: str, size: int, options: str) -> AsyncConnectionPool[AsyncConnection[Row]]:
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        open=False,
        timeout=4,
        configure=_configure,
        connection_class=AsyncConnection[Row],
        kwargs={
            "autocommit": True,
            "prepare_threshold": 2,
            "row_factory": namedtuple_row,
            "options": f"-c search_path={schema},public {OPTIONS}{options}",
        },
    )


async def _configure(connection: AsyncConnection[Row]) -> None:
    adapters = connection.adapters
    adapters.register_loader("timestamptz", TimeLoader)
    adapters.register_loader("numeric", NumberLoader)
    for kind in ("uuid", "date", "json", "jsonb"):  # stay the text that they are on the wire
        adapters.register_loader(kind, TextLoader)
