import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What differs between clusters. */
export interface Environment {
  /** Both images by digest, so that what was tested is what runs. */
  operatorImage: string;
  roomImage: string;
  idleTarget: number;
  maxReplicas: number;
}

export const ENVIRONMENTS = ['staging', 'production'];

export function environmentFile(name: string): string {
  return join(__dirname, 'environments', `${name}.json`);
}

export function readEnvironment(name: string): Environment {
  return JSON.parse(readFileSync(environmentFile(name), 'utf8')) as Environment;
}
