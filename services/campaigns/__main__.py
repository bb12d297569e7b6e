"""The campaigns service: `python -m services.campaigns`."""

from protos.campaigns_pb2_grpc import add_CampaignsServicer_to_server
from services.campaigns.rpc import Campaigns
from services.campaigns.subscriptions import SUBSCRIPTIONS
from services.kit import service
from services.kit.settings import ServiceSettings


def main() -> None:
    service.run(
        service.Service(
            name="campaigns",
            settings=ServiceSettings,
            door=Campaigns,
            register=add_CampaignsServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
        )
    )


if __name__ == "__main__":
    main()
