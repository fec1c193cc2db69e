local health = { status = "Progressing", message = "Waiting for the operator" }

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local ready, stalled
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Stalled" then
    stalled = condition
  end
end

if stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
  health.message = stalled.message
elseif ready ~= nil then
  health.message = ready.message
  if obj.spec.paused == true then
    health.status = "Suspended"
  elseif ready.status == "True" then
    health.status = "Healthy"
  end
end
return health
