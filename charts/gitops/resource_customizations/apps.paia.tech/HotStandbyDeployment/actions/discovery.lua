local paused = obj.spec.paused == true
return {
  ["pause"] = { ["disabled"] = paused, ["iconClass"] = "fa fa-fw fa-pause-circle" },
  ["resume"] = { ["disabled"] = not paused, ["iconClass"] = "fa fa-fw fa-play-circle" },
  ["restart"] = { ["displayName"] = "Restart idle Pods", ["iconClass"] = "fa fa-fw fa-redo" },
}
