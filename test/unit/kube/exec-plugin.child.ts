import { loadConnection } from '../../../operator/kube/config';

/** Prints what the kubeconfigs named as arguments give: one with a working exec plugin, one with a failing plugin. */
async function main([good = '', failing = '']: string[]): Promise<void> {
  const { authorization } = await loadConnection({ kubeconfig: good });
  const first = await authorization?.();
  const second = await authorization?.();
  const afterRefusals = await Promise.all([1, 2, 3].map(() => authorization?.(first)));
  const last = await authorization?.();
  const error = await loadConnection({ kubeconfig: failing }).catch(({ message }: Error) => message);
  process.stdout.write(JSON.stringify({ first, second, afterRefusals, last, error }));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
