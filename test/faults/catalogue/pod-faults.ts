import { NAME_LABEL, STATE_LABEL } from '../../../src/api/names';
import { type Pod, withMeta } from '../cluster/objects';
import { NAMESPACE, type Stage } from '../stage';
import { type Faults, type FaultType, type Point, without } from './fault';

/** What Pods and the people in them do. */
export const podFaults: Faults = {};
const add = (name: string, type: FaultType): void => {
  podFaults[name] = type;
};

const NTH = [0, 1, 2];
for (const n of NTH) {
  const struck = ({ stage }: Point): Pod | undefined => stage.pod(n);
  const does = (act: (stage: Stage, pod: Pod) => void) => (point: Point) => {
    const pod = struck(point);
    if (pod) act(point.stage, pod);
  };
  const isThere = ({ stage }: Point): boolean => n < stage.pods().length;
  const both = (name: string, act: (stage: Stage, pod: Pod) => void): void => {
    add(`${name} before`, { strikes: isThere, before: (point) => void does(act)(point) });
    add(`${name} after`, { strikes: isThere, after: does(act) });
  };
  both(`Pod ${n} turns busy`, (stage, pod) => stage.sessions.start(pod));
  both(`Pod ${n} turns busy and NotReady`, (stage, pod) => {
    stage.sessions.start(pod);
    stage.controllers.kubelet.setReady(pod, false);
    stage.lifted.push(() => stage.controllers.kubelet.setReady(pod, true));
  });
  add(`Pod ${n} turns busy and replaces its annotations`, {
    strikes: isThere,
    before: (point) => void does((stage, pod) => stage.sessions.startWholesale(pod))(point),
  });
  add(`session of Pod ${n} ends`, {
    strikes: isThere,
    before: (point) => void does((stage, pod) => stage.sessions.end(pod))(point),
  });
  add(`Pod ${n} drops readiness`, {
    strikes: isThere,
    lasts: 'can grow',
    before: (point) =>
      void does((stage, pod) => {
        stage.controllers.kubelet.setReady(pod, false);
        stage.lifted.push(() => stage.controllers.kubelet.setReady(pod, true));
      })(point),
  });
  add(`Pod ${n} replaces its labels`, {
    strikes: isThere,
    before: (point) => void does(replaceLabels)(point),
    excuses: struck,
  });
  add(`Pod ${n} keeps no label of HotStandby`, {
    strikes: isThere,
    before: (point) =>
      void does((stage, pod) => edit(stage, pod, { labels: without(pod.metadata.labels, NAME_LABEL, STATE_LABEL) }))(
        point,
      ),
  });
  add(`Pod ${n} is deleted by a person`, { strikes: isThere, before: (point) => void does(deletePod)(point) });
  add(`Pod ${n} hangs in deletion`, {
    strikes: isThere,
    lasts: 'can grow',
    before: (point) =>
      void does((stage, pod) => {
        stage.controllers.kubelet.hanging.add(pod.metadata.uid);
        deletePod(stage, pod);
        stage.lifted.push(() => stage.controllers.kubelet.release(pod.metadata.uid));
      })(point),
  });
  add(`Pod ${n} does not answer its probe`, {
    strikes: (point) => isThere(point) && point.stage.hsd()?.spec.busyProbe?.mode === 'http',
    before: (point) =>
      void does((stage, { metadata }) => {
        stage.sessions.silent.add(metadata.uid);
        stage.lifted.push(() => stage.sessions.silent.delete(metadata.uid));
      })(point),
  });
}

function edit(stage: Stage, { metadata }: Pod, changes: Partial<Pod['metadata']>): void {
  const live = stage.server.find('pods', NAMESPACE, metadata.name);
  if (live) stage.server.update('pods', NAMESPACE, metadata.name, (pod) => withMeta(pod, changes), { actor: 'app' });
}

function replaceLabels(stage: Stage, pod: Pod): void {
  edit(stage, pod, { labels: { mine: 'alone' } });
}

function deletePod(stage: Stage, { metadata }: Pod): void {
  if (stage.server.find('pods', NAMESPACE, metadata.name)) {
    stage.server.delete('pods', NAMESPACE, metadata.name, { actor: 'person' });
  }
}
