{{- include "hotstandby.defaults" . -}}
{{- include "hotstandby.validate" . -}}
