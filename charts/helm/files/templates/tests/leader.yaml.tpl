{{- /* helm test: somebody leads, every replica is Ready and HotStandbyDeployments are served. */}}
{{- include "hotstandby.defaults" . }}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "hotstandby.fullname" . }}-test
  namespace: {{ .Release.Namespace | quote }}
  labels:
    app.kubernetes.io/name: hotstandby
    app.kubernetes.io/instance: {{ include "hotstandby.fullname" . | quote }}
    app.kubernetes.io/component: test
    {{- with .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  # The operator's own rights are all it needs.
  serviceAccountName: {{ include "hotstandby.serviceAccountName" . | quote }}
  restartPolicy: Never
  enableServiceLinks: false
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with include "hotstandby.pullSecrets" . | fromYamlArray }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  containers:
    - name: test
      image: {{ include "hotstandby.image" . | quote }}
      {{- with .Values.image.pullPolicy }}
      imagePullPolicy: {{ . | quote }}
      {{- end }}
      # node is where distroless has it, or on the usual path.
      command: [node, -e]
      args:
        - |
{{ .Files.Get "tests/leader.js" | indent 10 }}
      env:
        - name: PATH
          value: /nodejs/bin:/usr/local/bin:/usr/bin:/bin
        - name: NODE_EXTRA_CA_CERTS
          value: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
        - name: NAMESPACE
          value: {{ .Release.Namespace | quote }}
        - name: OPERATOR
          value: {{ include "hotstandby.operatorName" . | quote }}
        - name: REPLICAS
          value: {{ .Values.replicas | quote }}
        - name: WATCHED
          value: {{ join "," (ternary (list .Release.Namespace) .Values.namespaces .Values.ownNamespaceOnly) | quote }}
      {{- with .Values.testResources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
