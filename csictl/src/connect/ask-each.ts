import type { OpenDriver } from './open-drivers.ts';

export interface Answers<Row> {
  readonly rows: readonly Row[];
  /** Throws what the first driver that failed failed with; to be called when the others' answers are printed. */
  readonly finish: () => void;
}

/** Asks all drivers at once; one that does not answer does not hide the others. */
export async function askEach<Row>(
  drivers: readonly OpenDriver[],
  ask: (driver: OpenDriver) => Promise<readonly Row[]>,
): Promise<Answers<Row>> {
  const results = await Promise.allSettled(drivers.map(ask));
  const failed = results.find((result) => result.status === 'rejected');
  const rows = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  if (failed && rows.length === 0) throw failed.reason;
  return {
    rows,
    finish: () => {
      if (failed) throw failed.reason;
    },
  };
}
