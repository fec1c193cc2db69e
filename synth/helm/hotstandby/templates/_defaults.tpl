{{- /* Generated from the values' table by `npm run generate`. */}}

{{/* Puts the default wherever the values have nothing. */}}
{{- define "hotstandby.defaults" -}}
{{- range fromYamlArray (include "hotstandby.defaultValues" .) -}}
{{- $map := $.Values -}}
{{- range initial .path -}}
{{- if kindIs "invalid" (index $map .) }}{{ $_ := set $map . dict }}{{ end -}}
{{- $map = index $map . -}}
{{- end -}}
{{- $key := last .path -}}
{{- if kindIs "invalid" (index $map $key) }}{{ $_ := set $map $key .value }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "hotstandby.defaultValues" }}
- {"path":["enabled"],"value":true}
- {"path":["namespaces"],"value":[]}
- {"path":["ownNamespaceOnly"],"value":false}
- {"path":["replicas"],"value":2}
- {"path":["logLevel"],"value":"info"}
- {"path":["extraArgs"],"value":[]}
- {"path":["env"],"value":[]}
- {"path":["image","repository"],"value":"ghcr.io/paia-tech/hotstandby"}
- {"path":["image","tag"],"value":""}
- {"path":["image","digest"],"value":""}
- {"path":["image","pullPolicy"],"value":""}
- {"path":["imagePullSecrets"],"value":[]}
- {"path":["global","imageRegistry"],"value":""}
- {"path":["global","imagePullSecrets"],"value":[]}
- {"path":["resources"],"value":{"limits":{"memory":"512Mi"},"requests":{"cpu":"100m","memory":"128Mi"}}}
- {"path":["podSecurityContext"],"value":{"runAsGroup":65532,"runAsNonRoot":true,"runAsUser":65532,"seccompProfile":{"type":"RuntimeDefault"}}}
- {"path":["podSecurityContext","runAsNonRoot"],"value":true}
- {"path":["podSecurityContext","seccompProfile","type"],"value":"RuntimeDefault"}
- {"path":["securityContext"],"value":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"readOnlyRootFilesystem":true}}
- {"path":["securityContext","allowPrivilegeEscalation"],"value":false}
- {"path":["securityContext","capabilities","drop"],"value":["ALL"]}
- {"path":["securityContext","readOnlyRootFilesystem"],"value":true}
- {"path":["livenessProbe"],"value":{"failureThreshold":3,"httpGet":{"path":"/healthz","port":"http"},"periodSeconds":10}}
- {"path":["livenessProbe","failureThreshold"],"value":3}
- {"path":["livenessProbe","httpGet","path"],"value":"/healthz"}
- {"path":["livenessProbe","httpGet","port"],"value":"http"}
- {"path":["livenessProbe","periodSeconds"],"value":10}
- {"path":["readinessProbe"],"value":{"httpGet":{"path":"/readyz","port":"http"},"periodSeconds":5}}
- {"path":["readinessProbe","httpGet","path"],"value":"/readyz"}
- {"path":["readinessProbe","httpGet","port"],"value":"http"}
- {"path":["readinessProbe","periodSeconds"],"value":5}
- {"path":["strategy"],"value":{"rollingUpdate":{"maxSurge":1,"maxUnavailable":0},"type":"RollingUpdate"}}
- {"path":["strategy","type"],"value":"RollingUpdate"}
- {"path":["envFrom"],"value":[]}
- {"path":["extraVolumes"],"value":[]}
- {"path":["extraVolumeMounts"],"value":[]}
- {"path":["testResources"],"value":{"requests":{"cpu":"10m","memory":"64Mi"},"limits":{"memory":"128Mi"}}}
- {"path":["crds","enabled"],"value":true}
- {"path":["crds","keep"],"value":true}
- {"path":["crds","annotations"],"value":{}}
- {"path":["createNamespace"],"value":false}
- {"path":["namespaceLabels"],"value":{"pod-security.kubernetes.io/enforce":"restricted"}}
- {"path":["namespaceLabels","pod-security.kubernetes.io/enforce"],"value":"restricted"}
- {"path":["admissionGuard","enabled"],"value":true}
- {"path":["admissionGuard","users"],"value":["system:serviceaccount:kube-system:replicaset-controller"]}
- {"path":["admissionGuard","preemption"],"value":false}
- {"path":["admissionMarks","enabled"],"value":false}
- {"path":["selfAnnotationPolicy","enabled"],"value":true}
- {"path":["userRoles","enabled"],"value":true}
- {"path":["rbac","create"],"value":true}
- {"path":["serviceAccount","create"],"value":true}
- {"path":["serviceAccount","name"],"value":""}
- {"path":["serviceAccount","annotations"],"value":{}}
- {"path":["podDisruptionBudget","enabled"],"value":true}
- {"path":["podDisruptionBudget","maxUnavailable"],"value":1}
- {"path":["extraObjects"],"value":[]}
- {"path":["nameOverride"],"value":""}
- {"path":["fullnameOverride"],"value":""}
- {"path":["commonLabels"],"value":{}}
- {"path":["podLabels"],"value":{}}
- {"path":["podAnnotations"],"value":{}}
- {"path":["deploymentAnnotations"],"value":{}}
- {"path":["nodeSelector"],"value":{"kubernetes.io/os":"linux"}}
- {"path":["nodeSelector","kubernetes.io/os"],"value":"linux"}
- {"path":["affinity"],"value":{}}
- {"path":["tolerations"],"value":[]}
- {"path":["topologySpreadConstraints"],"value":[{"maxSkew":1,"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"ScheduleAnyway"}]}
- {"path":["priorityClassName"],"value":""}
- {"path":["schedulerName"],"value":""}
- {"path":["runtimeClassName"],"value":""}
- {"path":["dnsPolicy"],"value":""}
- {"path":["dnsConfig"],"value":{}}
- {"path":["networkPolicy","enabled"],"value":false}
- {"path":["networkPolicy","apiServerPorts"],"value":[443,6443]}
- {"path":["networkPolicy","apiServerCidrs"],"value":[]}
- {"path":["networkPolicy","probes"],"value":true}
- {"path":["networkPolicy","probePorts"],"value":[]}
- {"path":["networkPolicy","metricsNamespaces"],"value":{}}
- {"path":["monitoring","type"],"value":"None"}
- {"path":["monitoring","labels"],"value":{}}
- {"path":["monitoring","interval"],"value":""}
- {"path":["monitoring","scrapeTimeout"],"value":""}
- {"path":["monitoring","relabelings"],"value":[]}
- {"path":["monitoring","metricRelabelings"],"value":[]}
- {"path":["alerts","enabled"],"value":false}
- {"path":["dashboard","enabled"],"value":false}
- {"path":["dashboard","labels"],"value":{"grafana_dashboard":"1"}}
- {"path":["dashboard","annotations"],"value":{}}
{{- end -}}
