/** Opens a site with cgroups, prints it as one line of JSON and holds it until killed: the victim in site.test.ts. */
import { createCgroups } from '../../../tools/cluster/real/cgroups';
import { openRealSite } from '../../../tools/cluster/real/site';

async function main(): Promise<void> {
  const { dir, cgroup, hubPid, subnets } = await openRealSite();
  await createCgroups(cgroup, ['real-1']);
  console.log(JSON.stringify({ dir, cgroup, hubPid, index: subnets.index }));
  setInterval(() => undefined, 60_000);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
