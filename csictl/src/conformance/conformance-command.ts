import { systemClock, systemRng } from '@berth/kit';
import { GrpcConnection } from '@berth/protos';
import type { Given } from '../command-action.ts';
import { oneEndpoint } from '../connect/one-endpoint.ts';
import { CsictlError } from '../csictl-error.ts';
import { type Column, printData, printRows } from '../output/print.ts';
import type { Session } from '../session.ts';
import { TrialFolder } from '../trial/trial-folder.ts';
import { type TrialVolumes, trialVolumes } from '../trial/trial-options.ts';
import { allChecks } from './all-checks.ts';
import type { Check } from './check.ts';
import { findCsiSanity, runCsiSanity } from './csi-sanity.ts';
import { junitOf, lineOf } from './report.ts';
import { type CheckResult, runChecks } from './run-checks.ts';

/** `csictl conformance`: what the specification asks, checked at a driver. Fails where a check does. */
export async function conformance(session: Session, { flags }: Given): Promise<void> {
  const only = (flags['only'] as readonly string[] | undefined) ?? [];
  if (flags['list'] === true) return listChecks(session, chosen(only));
  const endpoint = oneEndpoint(session);
  const volumes = trialVolumes(flags);
  const results: CheckResult[] = [];
  const tell = (result: CheckResult) => {
    results.push(result);
    const { format, terminal } = session.printer;
    // Of the official suite's hundred only those that fail are told one by one.
    const isTold = result.outcome === 'fail' || !result.id.startsWith('csi-sanity');
    if (format === 'wide' || (format === 'table' && isTold))
      terminal.out(lineOf(result, terminal.isInteractive && !terminal.env['NO_COLOR']));
  };
  const checks = chosen(only);
  if (checks.length > 0) {
    using connection = new GrpcConnection(endpoint);
    const onNode = flags['node'] !== false && process.getuid?.() === 0;
    const { timeoutMs } = session.options;
    const run = { connection, volumes, onNode, timeoutMs, clock: systemClock, rng: systemRng };
    for await (const result of runChecks(checks, run, session.signal)) tell(result);
  }
  const wantsSanity = only.length === 0 || only.some((pattern) => pattern.startsWith('csi-sanity'));
  const { env } = session.terminal;
  const program = wantsSanity ? findCsiSanity(flags['csiSanity'] as string | undefined, env['PATH']) : undefined;
  if (!program && checks.length === 0)
    throw new CsictlError('NOT_FOUND', 'csi-sanity is not on PATH', { hint: 'name it with --csi-sanity FILE' });
  if (program) await sanity({ session, program, endpoint, volumes, tell });
  await finish(session, results, wantsSanity && !program);
}

function chosen(only: readonly string[]): readonly Check[] {
  const checks = allChecks.filter(({ id }) => only.length === 0 || only.some((pattern) => matches(id, pattern)));
  const unknown = only.find(
    (pattern) => !pattern.startsWith('csi-sanity') && !allChecks.some(({ id }) => matches(id, pattern)),
  );
  if (unknown === undefined) return checks;
  throw new CsictlError('USAGE', `--only ${unknown}: there is no such check`, { hint: 'csictl conformance --list' });
}

/** An id, or a group such as `publish`. */
function matches(id: string, pattern: string): boolean {
  return id === pattern || id.startsWith(`${pattern}.`);
}

const listColumns: readonly Column<Check>[] = [
  { name: 'CHECK', value: ({ id }) => id },
  { name: 'RULE', value: ({ rule }) => rule },
  { name: 'SECTION', value: ({ section }) => section, wide: true },
  { name: 'NEEDS', value: ({ needs }) => needs?.join(' ') ?? '', wide: true },
];

async function listChecks({ printer }: Session, checks: readonly Check[]): Promise<void> {
  await printRows(
    printer,
    checks.map(({ id, rule, section, needs = [] }) => ({ id, rule, section, needs }) as unknown as Check),
    listColumns,
  );
}

interface SanityRun {
  readonly session: Session;
  readonly program: string;
  readonly endpoint: string;
  readonly volumes: TrialVolumes;
  readonly tell: (result: CheckResult) => void;
}

async function sanity({ session, program, endpoint, volumes, tell }: SanityRun): Promise<void> {
  await using folder = new TrialFolder(volumes.mountDir);
  session.terminal.err(`running ${program}\n`);
  const { signal } = session;
  const results = await runCsiSanity({ program, endpoint, volumes, folder: folder.path, signal });
  for (const result of results) tell(result);
}

function summaryOf(results: readonly CheckResult[]): string {
  const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length;
  return `${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`;
}

async function finish(
  { printer, signal }: Session,
  results: readonly CheckResult[],
  lacksSanity: boolean,
): Promise<void> {
  const { terminal, format } = printer;
  const failed = results.filter(({ outcome }) => outcome === 'fail').length;
  if (format === 'junit') terminal.out(junitOf(results, 'csictl conformance'));
  else if (format === 'json' || format === 'yaml') await printData(printer, results);
  else {
    const official = results.filter(({ id }) => id.startsWith('csi-sanity'));
    if (official.length > 0) terminal.out(`csi-sanity: ${summaryOf(official)}\n`);
    terminal.out(`${summaryOf(results)}\n`);
  }
  if (lacksSanity) terminal.err('csi-sanity is not installed and was not run: name it with --csi-sanity FILE\n');
  if (signal.aborted) throw new CsictlError('FAILED', 'interrupted; what was made has been taken back');
  if (failed > 0) {
    throw new CsictlError('FAILED', `${failed} of ${results.length} checks fail`, {
      hint: 'one alone: csictl conformance --only ID -v',
    });
  }
}
