import { controllerFaults } from './controller-faults';
import type { FaultType } from './fault';
import { handFaults } from './hand-faults';
import { podFaults } from './pod-faults';
import { storedFaults } from './stored-faults';
import { watchFaults } from './watch-faults';
import { writeFaults } from './write-faults';

/** Everything that can go wrong, by its name. */
export const FAULTS: ReadonlyMap<string, FaultType> = new Map(
  Object.entries({ ...writeFaults, ...storedFaults, ...watchFaults, ...podFaults, ...controllerFaults, ...handFaults }),
);
