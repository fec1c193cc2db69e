{{/* First part of the name of every object: at most 54 characters, so that "-operator" fits. */}}
{{- define "hotstandby.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $release := replace "." "-" .Release.Name -}}
{{- ternary $release (printf "%s-%s" $release $name) (contains $name $release) | trunc 54 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of the operator's Deployment. */}}
{{- define "hotstandby.operatorName" -}}
{{- include "hotstandby.fullname" . }}-operator
{{- end -}}

{{- define "hotstandby.serviceAccountName" -}}
{{- default (include "hotstandby.operatorName" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* repository[:tag][@digest]; the tag of this version where neither is given. */}}
{{- define "hotstandby.image" -}}
{{- with .Values.image -}}
{{- $tag := ternary .tag (printf "v%s" $.Chart.AppVersion) (or (ne .tag "") (ne .digest "")) -}}
{{- include "hotstandby.repository" $ -}}
{{- with $tag }}:{{ . }}{{ end -}}
{{- with .digest }}@{{ . }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* The repository, at the registry that a parent chart names. */}}
{{- define "hotstandby.repository" -}}
{{- $repository := .Values.image.repository -}}
{{- with .Values.global.imageRegistry -}}
{{- $host := first (splitList "/" $repository) -}}
{{- if and (contains "/" $repository) (or (contains "." $host) (contains ":" $host) (eq $host "localhost")) -}}
{{- $repository = trimPrefix (printf "%s/" $host) $repository -}}
{{- end -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository -}}
{{- end -}}
{{- $repository -}}
{{- end -}}

{{/* Pull Secrets of a parent chart and of this one, each as a map. */}}
{{- define "hotstandby.pullSecrets" -}}
{{- $secrets := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets -}}
{{- $secret := . -}}
{{- if kindIs "string" . }}{{ $secret = dict "name" . }}{{ end -}}
{{- $secrets = append $secrets $secret -}}
{{- end -}}
{{- toYaml (uniq $secrets) -}}
{{- end -}}

{{/* Whom the guard refuses, as a list of CEL strings. */}}
{{- define "hotstandby.guardedUsers" -}}
{{- $users := .Values.admissionGuard.users -}}
{{- if .Values.admissionGuard.preemption }}{{ $users = uniq (append $users "system:kube-scheduler") }}{{ end -}}
{{- $quoted := list -}}
{{- range $users }}{{ $quoted = append $quoted (toRawJson .) }}{{ end -}}
{{- join ", " $quoted -}}
{{- end -}}

{{/* Not empty: the operator may rely on the guard. */}}
{{- define "hotstandby.guarded" -}}
{{- $users := .Values.admissionGuard.users -}}
{{- $replicaSets := or (has "system:serviceaccount:kube-system:replicaset-controller" $users) (has "system:kube-controller-manager" $users) -}}
{{- if and .Values.admissionGuard.enabled (not .Values.ownNamespaceOnly) $replicaSets }}true{{ end -}}
{{- end -}}

{{/* What the values may not say together. */}}
{{- define "hotstandby.validate" -}}
{{- if and .Values.ownNamespaceOnly .Values.namespaces -}}
{{- fail "'namespaces' and 'ownNamespaceOnly' exclude each other: give one of them" -}}
{{- end -}}
{{- if and .Values.ownNamespaceOnly .Values.admissionMarks.enabled -}}
{{- fail "'admissionMarks.enabled' is true, and with 'ownNamespaceOnly' nothing outside the namespace is made: name it in 'namespaces' instead" -}}
{{- end -}}
{{- if and .Values.admissionGuard.preemption (not .Values.admissionGuard.enabled) -}}
{{- fail "'admissionGuard.preemption' is true without the guard: leave it out or set 'admissionGuard.enabled'" -}}
{{- end -}}
{{- if and (has "--no-leader-elect" .Values.extraArgs) (gt (int .Values.replicas) 1) -}}
{{- fail "'extraArgs' has --no-leader-elect with more than one of 'replicas', and all of them would write: set 'replicas: 1' or leave it out" -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "'serviceAccount.create' is false and 'serviceAccount.name' is empty: name the one to use" -}}
{{- end -}}
{{- include "hotstandby.once" (dict "name" "podLabels" "map" .Values.podLabels "other" "commonLabels" "others" .Values.commonLabels) -}}
{{- include "hotstandby.once" (dict "name" "monitoring.labels" "map" .Values.monitoring.labels "other" "commonLabels" "others" .Values.commonLabels) -}}
{{- include "hotstandby.once" (dict "name" "dashboard.labels" "map" .Values.dashboard.labels "other" "commonLabels" "others" .Values.commonLabels) -}}
{{- include "hotstandby.once" (dict "name" "namespaceLabels" "map" .Values.namespaceLabels "other" "commonLabels" "others" .Values.commonLabels) -}}
{{- if eq .Values.monitoring.type "ScrapeAnnotations" -}}
{{- range $key := keys .Values.podAnnotations -}}
{{- if hasPrefix "prometheus.io/" $key -}}
{{- fail (printf "'podAnnotations' sets %s, and so does 'monitoring.type: ScrapeAnnotations': leave one of them out" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Fails when two maps that go into one object have a key in common. */}}
{{- define "hotstandby.once" -}}
{{- range $key := keys .map -}}
{{- if hasKey $.others $key -}}
{{- fail (printf "'%s' and '%s' both set %s: set it in one of them" $.name $.other $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
