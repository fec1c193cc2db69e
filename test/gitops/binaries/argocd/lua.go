package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

const namespace = "argocd"

// request asks for one run of a script on one object.
type request struct {
	// health, discovery or action.
	Run    string                     `json:"run"`
	Action string                     `json:"action"`
	Object *unstructured.Unstructured `json:"object"`
}

// newLuaCommand runs the customizations of an argocd-cm as Argo CD does: requests on standard input, a JSON array of
// results on standard output.
func newLuaCommand() *cobra.Command {
	return &cobra.Command{
		Use:  "lua ARGOCD_CM_FILE",
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			overrides, err := readOverrides(command.Context(), args[0])
			if err != nil {
				return err
			}
			input, err := io.ReadAll(os.Stdin)
			if err != nil {
				return err
			}
			var requests []request
			if err := json.Unmarshal(input, &requests); err != nil {
				return err
			}
			results := make([]any, len(requests))
			for i, each := range requests {
				if results[i], err = run(lua.VM{ResourceOverrides: overrides}, each); err != nil {
					return fmt.Errorf("%s %s of request %d: %w", each.Run, each.Action, i, err)
				}
			}
			return json.NewEncoder(os.Stdout).Encode(results)
		},
	}
}

func run(vm lua.VM, request request) (any, error) {
	switch request.Run {
	case "health":
		script, useOpenLibs, err := vm.GetHealthScript(request.Object)
		if err != nil {
			return nil, err
		}
		vm.UseOpenLibs = useOpenLibs
		return vm.ExecuteHealthLua(request.Object, script)
	case "discovery":
		scripts, err := vm.GetResourceActionDiscovery(request.Object)
		if err != nil {
			return nil, err
		}
		return vm.ExecuteResourceActionDiscovery(request.Object, scripts)
	case "action":
		definition, err := vm.GetResourceAction(request.Object, request.Action)
		if err != nil {
			return nil, err
		}
		return vm.ExecuteResourceAction(request.Object, definition.ActionLua, nil)
	}
	return nil, fmt.Errorf("not one of health, discovery, action")
}

// readOverrides lets Argo CD's own settings manager read the ConfigMap, from a cluster that holds nothing else.
func readOverrides(ctx context.Context, file string) (map[string]v1alpha1.ResourceOverride, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var config corev1.ConfigMap
	if err := yaml.UnmarshalStrict(text, &config); err != nil {
		return nil, err
	}
	config.Namespace = namespace
	partOf := map[string]string{"app.kubernetes.io/part-of": "argocd"}
	secret := corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "argocd-secret", Namespace: namespace, Labels: partOf}}
	return settings.NewSettingsManager(ctx, fake.NewClientset(&config, &secret), namespace).GetResourceOverrides()
}
