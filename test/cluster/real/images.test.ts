import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageArchive, imageFromFiles } from '../../../tools/build/image/images';
import { blobPath, buildLayer, type LayerEntry } from '../../../tools/build/image/layers';

describe('images without a registry', () => {
  let folder: string;
  let cacheHome: string | undefined;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-images-'));
    cacheHome = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = folder;
  });

  afterAll(() => {
    if (cacheHome === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = cacheHome;
    rmSync(folder, { recursive: true, force: true });
  });

  const LONG = `usr/${'long-folder-name/'.repeat(12)}file.txt`;
  const ENTRIES: LayerEntry[] = [
    { to: '/app/hello.txt', content: 'hello\n' },
    { to: LONG, content: 'deep' },
    { to: 'bin/run', content: '#!/bin/sh\n', mode: 0o755 },
    { to: 'bin/also', linkTo: 'run' },
    { to: 'tmp', directory: true, mode: 0o1777 },
  ];

  test('a layer is what tar says it is: paths of any length, modes, links, root as owner, no time', async () => {
    const layer = await buildLayer(ENTRIES);
    const listing = execFileSync('tar', ['--utc', '-tvf', blobPath(layer)], { encoding: 'utf8' });
    const lines = listing
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' '));
    expect(lines).toContain('drwxr-xr-x 0/0 0 1970-01-01 00:00 app/');
    expect(lines).toContain('-rw-r--r-- 0/0 6 1970-01-01 00:00 app/hello.txt');
    expect(lines).toContain('-rwxr-xr-x 0/0 10 1970-01-01 00:00 bin/run');
    expect(lines).toContain('lrwxrwxrwx 0/0 0 1970-01-01 00:00 bin/also -> run');
    expect(lines).toContain('drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/');
    expect(lines).toContain(`-rw-r--r-- 0/0 4 1970-01-01 00:00 ${LONG}`);
    expect(execFileSync('tar', ['-xOf', blobPath(layer), LONG], { encoding: 'utf8' })).toBe('deep');
  });

  test('the order of entries does not change a layer; a changed file does', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'one');
    const entries: LayerEntry[] = [...ENTRIES, { to: 'app/file', from: file }];
    const first = await buildLayer(entries);
    expect(await buildLayer(entries.toReversed())).toEqual(first);
    writeFileSync(file, 'other');
    expect((await buildLayer(entries)).digest).not.toBe(first.digest);
  });

  test('an image shares its base, and the archive holds a blob once, and none the receiver has', async () => {
    const base = await imageFromFiles({ name: 'test.local/base:1', layers: [ENTRIES], config: { User: '1000' } });
    const layers = [[{ to: 'app/main.js', content: '1' }]];
    const app = await imageFromFiles({ name: 'test.local/app:1', base, layers, config: { Cmd: ['node'] } });
    expect(app.layers[0]).toEqual(base.layers[0]);
    expect(app.config).toEqual({ User: '1000', Cmd: ['node'] });
    const whole = await members([base, app], new Set());
    expect(whole.filter((name) => name.startsWith('blobs/'))).toHaveLength(6);
    expect(new Set(whole).size).toBe(whole.length);
    const rest = await members([app], new Set(base.layers.map((layer) => layer.digest)));
    expect(rest.filter((name) => name.startsWith('blobs/'))).toHaveLength(3);
  });

  async function members(...args: Parameters<typeof imageArchive>): Promise<string[]> {
    const file = join(folder, 'archive.tar');
    const chunks: Buffer[] = [];
    for await (const chunk of imageArchive(...args)) chunks.push(chunk);
    writeFileSync(file, Buffer.concat(chunks));
    expect(readFileSync(file).length % 512).toBe(0);
    return execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n');
  }
});
