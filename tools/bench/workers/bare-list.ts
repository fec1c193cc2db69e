/**
 * What every operator pays at its start: all Pods, page by page, parsed and counted. Reads BARE_LIST (JSON:
 * ListSettings), writes `listed {"pods": N, "seconds": S}` (without the start of the process) to standard output.
 */
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:https';

export interface ListSettings {
  server: string;
  /** PEM. */
  tls: { ca: string; cert: string; key: string };
  nameLabel: string;
}

interface Page {
  metadata: { continue?: string };
  items: unknown[];
}

const settings = JSON.parse(readFileSync(process.env.BARE_LIST ?? '', 'utf8')) as ListSettings;
const agent = new Agent({ ...settings.tls, keepAlive: true });

function page(next: string | undefined): Promise<Page> {
  const query = new URLSearchParams({
    labelSelector: settings.nameLabel,
    limit: '500',
    ...(next && { continue: next }),
  });
  return new Promise((resolve, reject) => {
    const asked = get(`${settings.server}/api/v1/pods?${query}`, { agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as Page));
    });
    asked.on('error', reject);
  });
}

async function list(): Promise<void> {
  const started = performance.now();
  let pods = 0;
  let next: string | undefined;
  do {
    const { metadata, items } = await page(next);
    pods += items.length;
    next = metadata.continue || undefined;
  } while (next !== undefined);
  process.stdout.write(`listed ${JSON.stringify({ pods, seconds: (performance.now() - started) / 1000 })}\n`);
  agent.destroy();
}

list().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
