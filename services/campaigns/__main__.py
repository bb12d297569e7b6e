"""The campaigns service: `python -m services.campaigns`."""

from protos.campaigns_pb2_grpc import add_CampaignsServicer_to_server
from services.campaigns import peers
from services.campaigns.jobs import JOBS
from services.campaigns.rpc import Campaigns
from services.campaigns.settings import Settings
from services.campaigns.subscriptions import SUBSCRIPTIONS
from services.kit import service


def main() -> None:
    service.run(
        service.Service(
            name="campaigns",
            settings=Settings,
            door=Campaigns,
            register=add_CampaignsServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
            jobs=JOBS,
            start=peers.start,
        )
    )


if __name__ == "__main__":
    main()
