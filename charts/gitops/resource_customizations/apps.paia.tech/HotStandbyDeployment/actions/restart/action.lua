-- A new template: idle Pods are replaced one by one, busy Pods when their session ends.
local os = require("os")
if obj.spec.podTemplate.metadata == nil then
  obj.spec.podTemplate.metadata = {}
end
if obj.spec.podTemplate.metadata.annotations == nil then
  obj.spec.podTemplate.metadata.annotations = {}
end
obj.spec.podTemplate.metadata.annotations["kubectl.kubernetes.io/restartedAt"] = os.date("!%Y-%m-%dT%XZ")
return obj
