"""The twin of every-feature.ts: what jsii has to carry across, each of it once."""

import cdk8s_plus_28 as kplus
from cdk8s import ApiObject, App, Chart, Cron, Duration, JsonPatch
from hotstandby import (
    AutoIdle,
    BusyProbe,
    HotStandby,
    HotStandbyCrd,
    HotStandbyDeployment,
    HotStandbyDeploymentSpec,
    HotStandbyDeploymentSpecSelector,
    HotStandbyOperator,
    IdleSchedule,
    LogLevel,
    Monitoring,
    SessionDeletePolicy,
)

app = App()
chart = Chart(app, "every-feature", namespace="games")

rooms = HotStandby(
    chart,
    "rooms",
    idle_target=2,
    min_replicas=1,
    max_replicas=9,
    busy_probe=BusyProbe.annotation(key="acme.io/busy"),
    min_ready=Duration.seconds(5),
    scale_down_stabilization_window=Duration.minutes(1),
    on_delete=SessionDeletePolicy.DRAIN,
    idle_percent=10,
    schedules=[
        IdleSchedule(
            name="day", start=Cron.daily(), end=Cron.schedule(hour="18"), idle_target=5, time_zone="Europe/Berlin"
        )
    ],
    auto_idle=AutoIdle.apply(hit_target=95, window=Duration.hours(2)),
    containers=[kplus.ContainerProps(image="room:1", port_number=8080)],
)
rooms.self_annotating()
rooms.expose_idle()
ApiObject.of(rooms).add_json_patch(JsonPatch.add("/spec/podTemplate/spec/runtimeClassName", "gvisor"))

deployment = kplus.Deployment(
    chart,
    "lobby",
    spread=True,
    containers=[kplus.ContainerProps(image="lobby:1", port_number=8080)],
)
deployment.expose_via_service()
lobby = HotStandby.from_deployment(chart, "lobby-standby", deployment, idle_target=1, busy_probe=BusyProbe.http())
lobby.add_container(image="log:1", name="log")
lobby.expose_idle(name="lobby-idle")

HotStandbyDeployment(
    chart,
    "plain",
    spec=HotStandbyDeploymentSpec(
        idle_target=1,
        selector=HotStandbyDeploymentSpecSelector(match_labels={"app": "plain"}),
        pod_template={"spec": {"containers": [{"name": "a", "image": "a:1"}], "newField": {"of": "tomorrow"}}},
    ),
)

HotStandbyCrd(chart, "crd")
HotStandbyOperator(
    chart,
    "operator",
    crd=False,
    namespaces=["games"],
    log_level=LogLevel.DEBUG,
    monitoring=Monitoring.SERVICE_MONITOR,
    node_labels=[kplus.NodeLabelQuery.does_not_exist("spot")],
    tolerations=[kplus.NodeTaintQuery.exists("dedicated")],
)

app.synth()

try:
    HotStandby(chart, "wrong", idle_target=-1)
except Exception as error:  # jsii's own class differs between its versions
    print(str(error).splitlines()[0])
else:
    raise SystemExit("idle_target=-1 was accepted")
