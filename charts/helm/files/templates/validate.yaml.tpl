{{- include "hotstandby.validate" . -}}
