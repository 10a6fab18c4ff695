import { type Clock, messageOf, type Rng } from '@berth/kit';
import { type GrpcConnection, GrpcError } from '@berth/protos';
import { type DriverFacts, driverFacts } from '../trial/driver-facts.ts';
import { TrackedDriver } from '../trial/tracked-driver.ts';
import { TrialFolder } from '../trial/trial-folder.ts';
import type { TrialVolumes } from '../trial/trial-options.ts';
import { type Check, CheckFailed, CheckSkipped } from './check.ts';
import { Subject } from './subject.ts';

export type Outcome = 'pass' | 'fail' | 'skip';

export interface CheckResult {
  readonly id: string;
  readonly section: string;
  readonly rule: string;
  readonly outcome: Outcome;
  /** Why it failed or was skipped. */
  readonly reason: string;
  readonly ms: number;
}

export interface RunOptions {
  readonly connection: GrpcConnection;
  readonly volumes: TrialVolumes;
  /** Node calls are made, and their mounts looked into. */
  readonly onNode: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** Runs checks one after the other; each leaves nothing behind, or fails for it. Ends early when `signal` aborts. */
export async function* runChecks(
  checks: readonly Check[],
  options: RunOptions,
  signal: AbortSignal,
): AsyncGenerator<CheckResult> {
  const facts = await driverFacts(trackedDriver(options), options);
  for (const check of checks) {
    if (signal.aborted) return;
    const started = options.clock.monotonicMs();
    const { outcome, reason } = await runOne(check, options, facts);
    const { id, section, rule } = check;
    yield { id, section, rule, outcome, reason, ms: Math.round(options.clock.monotonicMs() - started) };
  }
}

function trackedDriver({ connection, volumes, timeoutMs }: RunOptions): TrackedDriver {
  return new TrackedDriver({ connection, secrets: volumes.secrets, timeoutMs });
}

async function runOne(
  check: Check,
  options: RunOptions,
  facts: DriverFacts,
): Promise<{ outcome: Outcome; reason: string }> {
  const missing = check.needs?.filter((need) => !facts.capabilities.has(need)) ?? [];
  if (missing.length > 0)
    return { outcome: 'skip', reason: missing.map((need) => reasons[need] ?? `no ${need}`).join(', ') };
  const driver = trackedDriver(options);
  await using folder = new TrialFolder(options.volumes.mountDir);
  const { volumes, rng, clock } = options;
  const result = await outcomeOf(check, new Subject({ driver, volumes, folder, rng, clock, ...facts }));
  const left = [...(await driver.undoAll()), ...folder.mounts().map((path) => `a mount at ${path}`)];
  if (left.length === 0 || result.outcome === 'fail') return result;
  return { outcome: 'fail', reason: `left behind: ${left.join('; ')}` };
}

const reasons: Readonly<Record<string, string>> = {
  mounts: 'not run as root on the node (or --no-node)',
  filesystem: 'for volumes with a filesystem',
};

async function outcomeOf(check: Check, subject: Subject): Promise<{ outcome: Outcome; reason: string }> {
  try {
    await check.run(subject);
    return { outcome: 'pass', reason: '' };
  } catch (error) {
    if (error instanceof CheckSkipped) return { outcome: 'skip', reason: error.message };
    if (error instanceof CheckFailed) return { outcome: 'fail', reason: error.message };
    const code = error instanceof GrpcError ? `${error.code}: ` : '';
    return { outcome: 'fail', reason: `${code}${messageOf(error)}` };
  }
}
