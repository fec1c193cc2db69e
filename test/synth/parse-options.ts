import { readFileSync } from 'node:fs';
import { parseOptions } from '../../operator/options';

// A program of its own because commander is an ES module, which jest cannot load: lists of arguments in, options out.
const cases: string[][] = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(cases.map((args) => parseOptions(args, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }))));
