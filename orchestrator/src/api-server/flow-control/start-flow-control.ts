import { isAbort, type Logger, messageOf } from '@berth/kit';
import type { FlowSchema, PriorityLevelConfiguration } from '@berth/kube';
import type { MetricRegistry } from '../../metrics/metric-registry.ts';
import { followObjects } from '../follow-objects.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { mandatoryObjects } from './default-objects.ts';
import { ensureConfiguration, flowControlGroup } from './ensure-configuration.ts';
import { FlowController } from './flow-controller.ts';
import { ObjectCounts } from './object-counts.ts';
import { PriorityLevels } from './priority-levels.ts';
import { writeDangling } from './schema-status.ts';
import { WatchCounts } from './watch-counts.ts';
import { WorkEstimator } from './work-estimator.ts';

/** Upstream's (apf_controller.go borrowingAdjustmentPeriod, rest's poll of the default objects). */
const borrowingMs = 10_000;
const ensureMs = 60_000;

export interface FlowControlParts {
  readonly context: ServerContext;
  readonly metrics: MetricRegistry;
  readonly log: Logger;
  /** All requests that may be served at once. */
  readonly serverSeats: number;
}

/** Starts priority and fairness: it is in force when this resolves, with the objects there are; missing ones come soon. */
export async function startFlowControl(parts: FlowControlParts, signal: AbortSignal): Promise<FlowController> {
  const { context, metrics, log, serverSeats } = parts;
  const { clock } = context;
  const levels = new PriorityLevels({ clock, log, serverSeats, mandatory: mandatoryObjects() });
  const watches = new WatchCounts();
  const estimator = new WorkEstimator(new ObjectCounts(context), watches);
  const follower = new ConfigurationFollower(context, levels, log);
  await follower.start(signal);
  const failed = (what: string) => (error: unknown) => {
    if (!signal.aborted && !isAbort(error)) log.error(what, { reason: messageOf(error) });
  };
  void every(clock, ensureMs, signal, () =>
    ensureConfiguration(context).catch(failed('flow schemas and priority levels are not as they should be')),
  ).catch(failed('flow schemas and priority levels are not looked after any more'));
  const borrow = async () => levels.updateBorrowing();
  void clock
    .sleep(borrowingMs, signal)
    .then(() => every(clock, borrowingMs, signal, borrow))
    .catch(failed('seats are not lent any more'));
  return new FlowController({ clock, levels, estimator, watches, metrics });
}

async function every(
  clock: ServerContext['clock'],
  ms: number,
  signal: AbortSignal,
  run: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await run();
    await clock.sleep(ms, signal);
  }
}

/** Takes changes of the objects over as they come. */
class ConfigurationFollower {
  readonly #context: ServerContext;
  readonly #levels: PriorityLevels;
  readonly #log: Logger;
  readonly #objects = {
    prioritylevelconfigurations: new Map<string, PriorityLevelConfiguration>(),
    flowschemas: new Map<string, FlowSchema>(),
  };
  /** Until all is there, nothing is digested by halves. */
  #digesting = true;

  constructor(context: ServerContext, levels: PriorityLevels, log: Logger) {
    this.#context = context;
    this.#levels = levels;
    this.#log = log;
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follow('prioritylevelconfigurations', signal), this.#follow('flowschemas', signal)]);
    this.#digesting = false;
    await this.#digest();
  }

  async #follow(plural: 'prioritylevelconfigurations' | 'flowschemas', signal: AbortSignal): Promise<void> {
    const storage = this.#context.storageOf(flowControlGroup, plural);
    if (!storage) return;
    const known = this.#objects[plural] as Map<string, AnyObject>;
    const nameOf = ({ metadata }: AnyObject) => metadata.name ?? '';
    await followObjects(
      storage,
      {
        reset: () => known.clear(),
        set: (object) => known.set(nameOf(object), object),
        remove: (object) => known.delete(nameOf(object)),
        settled: () => this.#schedule(),
      },
      { log: this.#log, clock: this.#context.clock, signal },
    );
  }

  /** Events that come together are digested together. */
  #schedule(): void {
    if (this.#digesting) return;
    this.#digesting = true;
    queueMicrotask(() => {
      this.#digesting = false;
      this.#digest().catch((error: unknown) =>
        this.#log.warn('a flow schema does not say whether its priority level exists', { reason: messageOf(error) }),
      );
    });
  }

  async #digest(): Promise<void> {
    const { prioritylevelconfigurations: levels, flowschemas: schemas } = this.#objects;
    const digested = [...levels].flatMap(([name, { metadata, spec }]) =>
      spec ? [{ name, uid: metadata.uid ?? '', spec }] : [],
    );
    const known = [...schemas].flatMap(([name, { metadata, spec }]) =>
      spec ? [{ name, uid: metadata.uid ?? '', spec }] : [],
    );
    const dangling = this.#levels.digest(digested, known);
    // At once: they are committed together.
    await Promise.all([...schemas].map(([name, schema]) => writeDangling(this.#context, schema, dangling.has(name))));
  }
}
