package com.example.rooms;

import imports.tech.paia.apps.HotStandbyDeployment;
import imports.tech.paia.apps.HotStandbyDeploymentProps;
import imports.tech.paia.apps.HotStandbyDeploymentSpec;
import imports.tech.paia.apps.HotStandbyDeploymentSpecBusyProbe;
import imports.tech.paia.apps.HotStandbyDeploymentSpecBusyProbeHttp;
import imports.tech.paia.apps.HotStandbyDeploymentSpecBusyProbeMode;
import imports.tech.paia.apps.HotStandbyDeploymentSpecSelector;
import java.util.List;
import java.util.Map;
import org.cdk8s.ApiObjectMetadata;
import org.cdk8s.App;
import org.cdk8s.Chart;
import org.cdk8s.ChartProps;

/** Rooms that hold one session each: three idle ones are always ready, twenty is the most. */
public final class Main {
  public static void main(String[] args) {
    App app = new App();
    Chart chart = new Chart(app, "rooms", ChartProps.builder().namespace("rooms").build());

    HotStandbyDeploymentSpec spec =
        HotStandbyDeploymentSpec.builder()
            .idleTarget(3)
            .maxReplicas(20)
            .busyProbe(
                HotStandbyDeploymentSpecBusyProbe.builder()
                    .mode(HotStandbyDeploymentSpecBusyProbeMode.HTTP)
                    .http(HotStandbyDeploymentSpecBusyProbeHttp.builder().port(9000).path("/b").build())
                    .build())
            .selector(HotStandbyDeploymentSpecSelector.builder().matchLabels(Map.of("app", "rooms")).build())
            .podTemplate(podTemplate())
            .build();
    HotStandbyDeploymentProps props =
        HotStandbyDeploymentProps.builder()
            .metadata(ApiObjectMetadata.builder().name("rooms").build())
            .spec(spec)
            .build();
    new HotStandbyDeployment(chart, "rooms", props);

    app.synth();
  }

  /** As in a Deployment: every field of the Kubernetes you have. */
  private static Map<String, Object> podTemplate() {
    Map<String, Object> container =
        Map.of(
            "name", "room",
            "image", "ghcr.io/acme/room:1",
            "ports", List.of(Map.of("containerPort", 8080)),
            "volumeMounts", List.of(Map.of("name", "scratch", "mountPath", "/tmp")));
    Map<String, Object> volume = Map.of("name", "scratch", "emptyDir", Map.of("medium", "Memory"));
    return Map.of(
        "metadata", Map.of("labels", Map.of("app", "rooms")),
        "spec", Map.of("containers", List.of(container), "volumes", List.of(volume)));
  }

  private Main() {}
}
