import { systemClock, systemRng } from '@berth/kit';
import { parsePools } from '../backend/pool-options.ts';
import type { Terminal } from '../cli.ts';
import { parseShare } from './parse-share.ts';
import { printReport, type ReportFormat } from './print-report.ts';
import { recoverCatalog } from './recover-command.ts';

export interface RecoverFlags {
  readonly pool?: readonly string[];
  readonly nfs?: readonly string[];
  readonly dryRun?: boolean;
  readonly output: ReportFormat;
}

/** `csi-driver recover`. @throws StartError; CatalogError. */
export async function runRecover({ pool, nfs = [], dryRun, output }: RecoverFlags, terminal: Terminal): Promise<void> {
  const pools = parsePools(pool ?? []);
  const report = await recoverCatalog({
    pools,
    nfs: nfs.map(parseShare),
    dryRun: dryRun === true,
    clock: systemClock,
    rng: systemRng,
  });
  terminal.out(await printReport(report, output));
}
