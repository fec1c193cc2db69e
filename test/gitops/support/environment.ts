import NodeEnvironment from 'jest-environment-node';

/** What jest-circus tells an environment, as far as it matters here. */
interface TestEvent {
  name: string;
  test?: { mode?: string | null };
}

/** The tests of a file are steps of one story: after a failure the rest would only wait for what cannot come. */
export default class StoryEnvironment extends NodeEnvironment {
  private failed = false;

  handleTestEvent({ name, test }: TestEvent): void {
    // Not of a hook: jest itself then fails every test, and skipped ones would look well.
    if (name === 'test_fn_failure') this.failed = true;
    if (name === 'test_start' && this.failed && test) test.mode = 'skip';
  }
}
