import { systemClock, systemRng } from '@berth/kit';
import { GrpcConnection } from '@berth/protos';
import type { Given } from '../command-action.ts';
import { Subject } from '../conformance/subject.ts';
import { oneEndpoint } from '../connect/one-endpoint.ts';
import { CsictlError } from '../csictl-error.ts';
import { type Column, printData, printRows } from '../output/print.ts';
import { parseDuration } from '../parse-duration.ts';
import type { Session } from '../session.ts';
import { driverFacts } from '../trial/driver-facts.ts';
import { TrackedDriver } from '../trial/tracked-driver.ts';
import { TrialFolder } from '../trial/trial-folder.ts';
import { trialVolumes } from '../trial/trial-options.ts';
import type { StepStatistics } from './percentiles.ts';
import { type BenchResult, runBench } from './run-bench.ts';

interface Amount {
  readonly concurrency: number;
  readonly count?: number;
  readonly durationMs?: number;
}

/** `csictl bench`: how fast a driver takes volumes through their life. Everything made is taken back, also after Ctrl-C. */
export async function bench(session: Session, { flags }: Given): Promise<void> {
  const amount = readAmount(flags);
  const volumes = trialVolumes(flags);
  using connection = new GrpcConnection(oneEndpoint(session));
  const { timeoutMs } = session.options;
  const driver = new TrackedDriver({ connection, secrets: volumes.secrets, timeoutMs });
  const onNode = flags['node'] !== false && process.getuid?.() === 0;
  const facts = await driverFacts(driver, { volumes, onNode });
  await using folder = new TrialFolder(volumes.mountDir);
  const subject = new Subject({ driver, volumes, folder, rng: systemRng, clock: systemClock, ...facts });
  const whole = { ...amount, subject, onNode: facts.capabilities.has('mounts'), nodeId: facts.nodeInfo?.nodeId ?? '' };
  try {
    // The first calls of two programs to each other measure their start.
    await runBench({ ...whole, concurrency: 1, count: 1, now: session.now }, session.signal);
    const result = await runBench({ ...whole, now: session.now }, session.signal);
    await report(session, amount, result);
  } finally {
    for (const left of await driver.undoAll()) session.terminal.err(`csictl: not taken back: ${left}\n`);
  }
}

/** @throws CsictlError USAGE */
function readAmount(flags: Readonly<Record<string, unknown>>): Amount {
  const concurrency = readCount('--concurrency', flags['concurrency']);
  const { count, duration } = flags;
  if (duration === undefined) return { concurrency, count: readCount('--count', count ?? '100') };
  const durationMs = parseDuration(String(duration), '--duration');
  return { concurrency, durationMs, ...(count === undefined ? {} : { count: readCount('--count', count) }) };
}

function readCount(flag: string, value: unknown): number {
  const text = String(value);
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new CsictlError('USAGE', `${flag} ${JSON.stringify(text)} is no number from 1 to 9999999`);
}

const columns: readonly Column<StepStatistics>[] = [
  { name: 'STEP', value: ({ step }) => step },
  { name: 'COUNT', value: ({ count }) => String(count) },
  { name: 'ERRORS', value: ({ errors }) => String(errors), good: ({ errors }) => errors === 0 },
  { name: 'P50 MS', value: ({ p50Ms }) => p50Ms.toFixed(2) },
  { name: 'P90 MS', value: ({ p90Ms }) => p90Ms.toFixed(2) },
  { name: 'P99 MS', value: ({ p99Ms }) => p99Ms.toFixed(2) },
  { name: 'MAX MS', value: ({ maxMs }) => maxMs.toFixed(2) },
  { name: 'MEAN MS', value: ({ meanMs }) => meanMs.toFixed(2), wide: true },
];

async function report({ printer, signal }: Session, amount: Amount, result: BenchResult): Promise<void> {
  const { volumes, failed, ms, watch } = result;
  const perSecond = Math.round((volumes / Math.max(ms, 1)) * 10_000) / 10;
  const steps = watch.statistics();
  if (printer.format === 'json' || printer.format === 'yaml') {
    const { concurrency } = amount;
    await printData(printer, { concurrency, volumes, failed, ms: Math.round(ms), perSecond, steps });
  } else {
    await printRows(printer, steps, columns);
    const seconds = (ms / 1000).toFixed(2);
    printer.terminal.out(
      `${volumes} volumes in ${seconds} s, ${amount.concurrency} at a time: ${perSecond} a second\n`,
    );
  }
  if (signal.aborted) throw new CsictlError('FAILED', 'interrupted; what was made is taken back');
  if (failed > 0) throw new CsictlError('FAILED', `${failed} volumes failed, the first at ${watch.firstError}`);
}
