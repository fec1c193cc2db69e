// Rooms that hold one session each: three idle ones are always ready, twenty is the most.
package main

import (
	"example.com/rooms/imports/appspaiatech"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdk8s-team/cdk8s-core-go/cdk8s/v2"
)

func main() {
	app := cdk8s.NewApp(nil)
	chart := cdk8s.NewChart(app, jsii.String("rooms"), &cdk8s.ChartProps{Namespace: jsii.String("rooms")})

	appspaiatech.NewHotStandbyDeployment(chart, jsii.String("rooms"), &appspaiatech.HotStandbyDeploymentProps{
		Metadata: &cdk8s.ApiObjectMetadata{Name: jsii.String("rooms")},
		Spec: &appspaiatech.HotStandbyDeploymentSpec{
			IdleTarget:  jsii.Number(3),
			MaxReplicas: jsii.Number(20),
			BusyProbe: &appspaiatech.HotStandbyDeploymentSpecBusyProbe{
				Mode: appspaiatech.HotStandbyDeploymentSpecBusyProbeMode_HTTP,
				Http: &appspaiatech.HotStandbyDeploymentSpecBusyProbeHttp{
					Port: jsii.Number(9000),
					Path: jsii.String("/b"),
				},
			},
			Selector: &appspaiatech.HotStandbyDeploymentSpecSelector{
				MatchLabels: &map[string]*string{"app": jsii.String("rooms")},
			},
			// As in a Deployment: every field of the Kubernetes you have.
			PodTemplate: map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": "rooms"}},
				"spec": map[string]any{
					"containers": []any{
						map[string]any{
							"name":         "room",
							"image":        "ghcr.io/acme/room:1",
							"ports":        []any{map[string]any{"containerPort": 8080}},
							"volumeMounts": []any{map[string]any{"name": "scratch", "mountPath": "/tmp"}},
						},
					},
					"volumes": []any{map[string]any{"name": "scratch", "emptyDir": map[string]any{"medium": "Memory"}}},
				},
			},
		},
	})

	app.Synth()
}
