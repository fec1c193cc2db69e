import type { Cron, Duration } from 'cdk8s';
import { checkDuration, checkInteger, checkOrder } from './validation';

/**
 * A window in which more idle Pods are wanted (`spec.schedules[]`).
 *
 * It opens at a time that `start` names and closes at the next one that `end` names, which may lie after midnight. Where
 * clocks are put forward, a time that does not exist counts as the first one after it; where they are put back, a time
 * that comes twice counts once. Windows may overlap: the highest number counts, and never less than `idleTarget`.
 */
export interface IdleSchedule {
  /**
   * Name of the window, for the status and Events; each one once.
   */
  readonly name: string;

  /**
   * When it opens.
   */
  readonly start: Cron;

  /**
   * When it closes.
   */
  readonly end: Cron;

  /**
   * Idle Pods to keep while it is open.
   */
  readonly idleTarget: number;

  /**
   * Fewest Pods to hold while it is open.
   *
   * @default - `minReplicas` of the HotStandby
   */
  readonly minReplicas?: number;

  /**
   * IANA time zone of start and end, for example `Europe/Berlin`.
   *
   * @default 'UTC'
   */
  readonly timeZone?: string;
}

/**
 * Options for `AutoIdle`.
 */
export interface AutoIdleOptions {
  /**
   * Percentage of sessions that shall find an idle Pod at once; 50 to 99.
   *
   * @default 99
   */
  readonly hitTarget?: number;

  /**
   * Fewest idle Pods to ask for.
   *
   * @default 0
   */
  readonly min?: number;

  /**
   * Most idle Pods to ask for. Required unless the HotStandby has `maxReplicas`.
   *
   * @default - what `maxReplicas` leaves
   */
  readonly max?: number;

  /**
   * Time over which arrivals are averaged. Whole seconds, one minute to one day.
   *
   * @default Duration.hours(1)
   */
  readonly window?: Duration;
}

/**
 * Works out how many idle Pods are needed so that a share of the sessions finds one (`spec.autoIdle`), from the sessions
 * and the warm-up times the operator sees.
 */
export class AutoIdle {
  /**
   * The number is kept, if no other source wants more.
   */
  public static apply(options: AutoIdleOptions = {}): AutoIdle {
    return new AutoIdle('Apply', options);
  }

  /**
   * The number stands in `status.capacity.recommendedIdle`, and nothing else happens.
   */
  public static recommend(options: AutoIdleOptions = {}): AutoIdle {
    return new AutoIdle('Recommend', options);
  }

  /** @internal */
  public readonly _max?: number;

  private constructor(
    private readonly mode: string,
    private readonly options: AutoIdleOptions,
  ) {
    checkInteger('hitTarget', options.hitTarget, { min: 50, max: 99 });
    checkInteger('min', options.min, { min: 0 });
    checkInteger('max', options.max, { min: 1 });
    checkOrder('min', options.min, 'max', options.max);
    checkDuration('window', options.window, { min: 60, max: 86_400 });
    this._max = options.max;
  }

  /**
   * `spec.autoIdle`.
   *
   * @internal
   */
  public _toKube(): Record<string, unknown> {
    const { hitTarget, min, max, window } = this.options;
    return { mode: this.mode, hitTarget, min, max, windowSeconds: window?.toSeconds() };
  }
}
