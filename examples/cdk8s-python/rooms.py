from cdk8s import Chart
from cdk8s_plus_28 import (
    ContainerProps,
    ContainerResources,
    ContainerSecurityContextProps,
    Cpu,
    CpuResources,
)
from constructs import Construct
from hotstandby import BusyProbe, HotStandby


class Rooms(Chart):
    """Rooms that hold one session each: three idle ones are always ready, twenty is the most."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, namespace="rooms")

        HotStandby(
            self,
            "rooms",
            idle_target=3,
            max_replicas=20,
            busy_probe=BusyProbe.http(port=9000, path="/b"),
            containers=[
                ContainerProps(
                    image="ghcr.io/acme/room:1",
                    port_number=8080,
                    resources=ContainerResources(cpu=CpuResources(request=Cpu.millis(250))),
                    security_context=ContainerSecurityContextProps(user=1000),
                )
            ],
        )
