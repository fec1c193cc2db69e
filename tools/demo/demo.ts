/** Everything the demo needs, up and running: cluster, manifests, operator, examples and watches. */
import { EXAMPLE_IMAGES } from '../../examples/images';
import { ApiClient } from '../../operator/kube/client';
import { systemClock } from '../../operator/kube/clock';
import { loadConnection } from '../../operator/kube/config';
import {
  installObjects,
  manifestObjects,
  toManifest,
  withoutOperator,
  writeOperatorKubeconfig,
} from '../cluster/install';
import { operatorBundle } from './bundle';
import { announce, confirm, type Plan, planFor, removeDemo, removeInstalled } from './external';
import { DEMO_NAMESPACE, type DemoApp, demoApps, namespaceObject, type TargetKind } from './manifests';
import { Model } from './model';
import { type LocalOperator, startLocalOperator } from './operator';
import type { DemoOptions } from './options';
import type { Progress } from './progress';
import { Sessions } from './sessions';
import { openTarget, type Target } from './target';
import { Watches } from './watch';

/** The running demo. */
export interface Demo {
  readonly kind: TargetKind;
  /** For people's kubectl. */
  readonly kubeconfig: string;
  /** Of the cluster, for example `v1.37.0`. */
  readonly version: string;
  readonly apps: readonly DemoApp[];
  readonly model: Model;
  readonly sessions: Sessions;
  /** What the operator last complained of, for explanations; undefined: nothing, or it is not ours. */
  readonly operatorTrouble: () => string | undefined;
}

/** A person said no, or asked to stop. Nothing is wrong. */
export class Stopped extends Error {}

/** Stopped before anything was made. */
export class Declined extends Stopped {}

/** What to take back at the end, last thing first. */
export type Undo = (step: () => Promise<unknown>) => void;

export interface StartOptions {
  options: DemoOptions;
  progress: Progress;
  /** Aborts when somebody asked to stop; its reason is thrown. */
  signal: AbortSignal;
  /** Registers a step of the clean-up. Called as soon as there is something to clean up. */
  undo: Undo;
  /** The operator or a program of the cluster ended by itself. */
  onLost: (why: string) => void;
}

/** Resolves when the hsds of the examples are there and watched. */
export async function startDemo({ options, progress, signal, undo, onLost }: StartOptions): Promise<Demo> {
  const bundle = early(operatorBundle(progress.say));
  // A cluster cannot be stopped while it starts; the end of this process ends it (tools/cluster/guardian.ts).
  const target = await unlessAborted(openTarget(options, progress, onLost), signal);
  undo(() => target.stop());
  signal.throwIfAborted();
  const apps = demoApps(target.kind, options.image);
  const images = early(loadImages(target, apps));
  const client = new ApiClient(await loadConnection({ kubeconfig: target.kubeconfig }), {
    userAgent: 'hotstandby-demo',
  });
  undo(() => client.close());
  const plan = await planOf(target, client, options);
  // From here on things are made outside of this process; what is half done is undone too.
  if (target.kind === 'external') undo(() => removeInstalled(target, plan));
  await progress.during('installing the manifests of synth/', () => installObjects(target, plan.missing));
  signal.throwIfAborted();
  const operator = plan.hasOperator ? undefined : await startOperator(target, bundle, { progress, undo, onLost });
  signal.throwIfAborted();
  if (target.kind === 'external') undo(() => removeDemo(target));
  const names = apps.map(({ name }) => name).join(', ');
  await progress.during(`applying the examples: hsd ${names}`, () => apply(target, apps, images));
  signal.throwIfAborted();
  const { kind, kubeconfig } = target;
  const operatorTrouble = (): string | undefined => operator?.trouble();
  return { ...(await watch(client, apps, undo, signal)), kind, kubeconfig, apps, operatorTrouble };
}

async function startOperator(
  target: Target,
  bundle: Promise<string>,
  { progress, undo, onLost }: Pick<StartOptions, 'progress' | 'undo' | 'onLost'>,
): Promise<LocalOperator> {
  const { dir } = target;
  const kubeconfig = await writeOperatorKubeconfig(target, dir);
  // Not more of somebody's cluster than was announced.
  const namespace = target.kind === 'external' ? DEMO_NAMESPACE : undefined;
  const starting = async (): Promise<LocalOperator> =>
    startLocalOperator({ dir, bundle: await bundle, kubeconfig, namespace, onLost });
  const operator = await progress.during('starting the operator', starting);
  undo(() => operator.stop());
  return operator;
}

/** Throws Declined when it is somebody's cluster and the answer is no. */
async function planOf(target: Target, client: ApiClient, options: DemoOptions): Promise<Plan> {
  if (target.kind !== 'external') {
    return { missing: [...manifestObjects('crds'), ...withoutOperator('install')], hasOperator: false };
  }
  const plan = await planFor(target);
  for (const line of announce(plan, client.server, options.image)) console.log(line);
  if (!(await confirm(options))) throw new Declined('nothing was installed');
  return plan;
}

/** Work that is awaited later: until then its failure is nobody's. */
function early<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

async function apply(target: Target, apps: readonly DemoApp[], images: Promise<void>): Promise<void> {
  await images;
  const objects = [namespaceObject, ...apps.flatMap((app) => app.objects)];
  await target.kubectl(['apply', '--server-side', '-f', '-'], { input: toManifest(objects) });
}

/** Gives real nodes the apps' images. */
async function loadImages({ realNodes }: Target, apps: readonly DemoApp[]): Promise<void> {
  if (realNodes === undefined) return;
  // Loaded only when wanted: it reads the machine's network and packages.
  const { appImage } = await import('../cluster/real/index');
  const examples = apps.flatMap(({ image }) => (image === undefined ? [] : [EXAMPLE_IMAGES[image]]));
  const images = examples.map(({ base, ...rest }) => {
    const image = realNodes.images[base];
    if (!image) throw new Error(`no base image "${base}" for ${rest.name} on this machine`);
    return appImage({ ...rest, base: image });
  });
  await realNodes.loadImages(await Promise.all(images));
}

type Watched = Pick<Demo, 'model' | 'sessions' | 'version'>;

async function watch(client: ApiClient, apps: readonly DemoApp[], undo: Undo, signal: AbortSignal): Promise<Watched> {
  const model = new Model();
  const machine = { clock: systemClock, random: Math.random };
  const watches = new Watches({ client, namespace: DEMO_NAMESPACE, model, ...machine });
  undo(() => watches.stop());
  const [{ gitVersion }] = await Promise.all([client.get<{ gitVersion: string }>('/version'), watches.start(signal)]);
  const observePod: Watches['observePod'] = (pod) => watches.observePod(pod);
  return { model, version: gitVersion, sessions: new Sessions({ client, model, apps, observePod, ...machine }) };
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}
