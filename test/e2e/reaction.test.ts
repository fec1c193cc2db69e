import { paths } from '../../operator/kube/paths';
import { childName, DEFAULT_BUSY_ANNOTATION, STATE_LABEL } from '../../src/api/names';
import type { NodeProcess } from '../../tools/base/node-process';
import { startBareLoop } from '../../tools/bench/bare';
import { bundleWorkers } from '../../tools/bench/rig';
import { OperatorProcess } from './support/operator';
import { runInfo } from './support/run-info';
import { ScaleWatch } from './support/scale-watch';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(600_000);

const SAMPLES = 60;
const PODS = 6;
const BARE = 'bare';
/** Of the bare loop's Pods alone. */
const BARE_LABEL = 'bare-loop';
const HSD = 'rooms';

/** Who scales, and which Pods belong to it. */
interface Contestant {
  deployment: string;
  labelSelector: string;
}

describe('from the busy annotation to the scaled Deployment', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  let loop: NodeProcess;
  let watch: ScaleWatch;
  const contestants: Record<'operator' | 'bare', Contestant> = {
    operator: { deployment: childName(HSD), labelSelector: `app=${HSD}` },
    bare: { deployment: BARE, labelSelector: `app=${BARE}` },
  };
  beforeAll(async () => {
    scene = await Scene.open('reaction');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await scene.createHsd(HSD, { idleTarget: PODS });
    await scene.api.create(paths.deployments.list(scene.namespace), bareDeployment());
    await Promise.all(Object.values(contestants).map(({ labelSelector }) => scene.settledAt(PODS, labelSelector)));
    const { dir, connection } = runInfo();
    const pool = { namespaces: [scene.namespace], nameLabel: BARE_LABEL, suffix: '', idleTarget: PODS };
    const input = { programs: await bundleWorkers(dir), connection, dir };
    loop = await startBareLoop(input, { ...pool, busyKey: DEFAULT_BUSY_ANNOTATION });
    watch = new ScaleWatch(scene.api, scene.namespace);
  });
  afterAll(async () => {
    await watch?.stop();
    await loop?.stop();
    await operator?.stop();
    await scene?.close();
  });

  /** Nothing of an earlier sample is on its way, in either place: the other one's Pods would cost this one's time. */
  async function quiet(): Promise<void> {
    for (const { deployment, labelSelector } of Object.values(contestants)) {
      await watch.heard(deployment, PODS);
      await scene.settledAt(PODS, labelSelector);
    }
  }

  /** Milliseconds from sending the busy mark until this process hears of the new replicas. */
  async function sample({ deployment, labelSelector }: Contestant): Promise<number> {
    await quiet();
    const [pod] = await scene.pods(labelSelector);
    const heard = watch.heard(deployment, PODS + 1);
    const started = performance.now();
    await scene.setBusy(pod as Pod);
    const ms = (await heard) - started;
    await scene.setBusy(pod as Pod, null);
    return ms;
  }

  it('takes the operator no more than a small multiple of a bare watch+patch loop', async () => {
    const taken: Record<'operator' | 'bare', number[]> = { operator: [], bare: [] };
    // Interleaved, so that whatever else the machine does happens to both.
    for (let n = 0; n < SAMPLES; n++) {
      taken.operator.push(await sample(contestants.operator));
      taken.bare.push(await sample(contestants.bare));
    }
    const [ours, floor] = [summary(taken.operator), summary(taken.bare)];
    const ratio = ours.p50 / floor.p50;
    process.stderr.write(
      `reaction p50/p99: operator ${format(ours)} ms, bare loop ${format(floor)} ms, ratio ${ratio.toFixed(2)}\n`,
    );
    expect(taken.operator).toHaveLength(SAMPLES);
    expect(taken.bare).toHaveLength(SAMPLES);
    expect(ratio).toBeLessThan(10);
    await scene.settledAt(PODS, `app=${HSD},${STATE_LABEL}=idle`);
    expect(operator.errors).toEqual([]);
  });
});

interface Summary {
  p50: number;
  p99: number;
}

function summary(ms: readonly number[]): Summary {
  const sorted = [...ms].sort((a, b) => a - b);
  const quantile = (q: number): number => sorted[Math.ceil(q * sorted.length) - 1] ?? Number.NaN;
  return { p50: quantile(0.5), p99: quantile(0.99) };
}

function format({ p50, p99 }: Summary): string {
  return `${p50.toFixed(1)}/${p99.toFixed(1)}`;
}

/** The bare loop's own: the ReplicaSet ends Pods of its choice, which is why nobody should run it. */
function bareDeployment(): object {
  const labels = { app: BARE, [BARE_LABEL]: BARE };
  const spec = { containers: [{ name: 'app', image: 'example.com/app:1' }] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: BARE },
    spec: { replicas: PODS, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}
