/** What the steps share: each gets what the ones before it made. */
export interface Workspace {
  /** An empty folder of this run; removed at its end. */
  readonly folder: string;
  /** The packed npm package; made by the first step. */
  tarball: string;
}

/** One line of `npm run test:languages`. */
export interface Step {
  readonly name: string;
  /** Programs without which it is skipped, with arguments that only start them. With CI set a missing one is a failure. */
  readonly needs?: readonly (readonly [program: string, ...args: string[]])[];
  /** Resolves with what there is to say of it; rejects when something is wrong. */
  run(workspace: Workspace): Promise<string>;
}
