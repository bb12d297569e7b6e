"""The sales service: `python -m services.sales`."""

from protos.sales_pb2_grpc import add_SalesServicer_to_server
from services.kit import service
from services.sales import peers
from services.sales.rpc import Sales
from services.sales.settings import Settings
from services.sales.subscriptions import SUBSCRIPTIONS


def main() -> None:
    service.run(
        service.Service(
            name="sales",
            settings=Settings,
            door=Sales,
            register=add_SalesServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
            start=peers.start,
        )
    )


if __name__ == "__main__":
    main()
