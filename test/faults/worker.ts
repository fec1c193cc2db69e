import { type Plan, run } from './run';

/** What a worker says of one plan. */
export interface Report {
  plan: Plan;
  broken: string[];
}

/** Runs the plans it is sent, one after the other, and reports each. */
process.on('message', (plans: Plan[]) => {
  void (async () => {
    for (const plan of plans) {
      const { broken } = await run(plan).catch((error: Error) => ({ broken: [`crashed: ${error.stack}`] }));
      process.send?.({ plan, broken } satisfies Report);
    }
  })();
});
