import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../root';
import { dashboardModel } from '../../src/install/dashboard';
import { PACKAGE_VERSION } from '../../src/version';
import { chartYaml } from './chart-yaml';
import { defaultsTemplate, valuesSchema, valuesTable, valuesYaml } from './render-values';
import { templates } from './templates';
import { variants } from './variants';

/** What is written by hand; `.tpl` behind a file's own extension only says that it is a template. */
const FILES = join(__dirname, 'files');

/** All files of the chart by their path in it. */
export function chartFiles(): Map<string, string> {
  const written = filesUnder('').map((path) => [path.replace(/\.yaml\.tpl$/, '.yaml'), read(path)] as const);
  const files = new Map(written);
  const readme = files.get('README.md') ?? '';
  files.set('README.md', readme.replaceAll('@VERSION@', PACKAGE_VERSION).replace('<!-- values -->', valuesTable()));
  files.set('Chart.yaml', chartYaml());
  files.set('values.yaml', valuesYaml());
  files.set('values.schema.json', json(valuesSchema()));
  files.set('templates/_defaults.tpl', defaultsTemplate());
  for (const [name, text] of templates(variants())) files.set(`templates/${name}`, text);
  return files;
}

/** Writes the chart to a folder of its own, which it empties first. */
export function writeChart(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of chartFiles()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
}

/** The dashboard as a file for Grafana's import. */
export function dashboardJson(): string {
  return json(dashboardModel());
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function read(path: string): string {
  return readFileSync(join(FILES, path), 'utf8');
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(FILES, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}
