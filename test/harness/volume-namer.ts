import type { RecordedLine } from './recorded-history.ts';

type Stage = 'made' | 'Bound' | 'Released' | 'deleting' | 'finalizers' | 'capacity' | 'gone';

/** What may follow what in a provisioned volume's life. */
const follows: Readonly<Record<Stage, readonly Stage[]>> = {
  made: ['Bound'],
  Bound: ['capacity', 'finalizers', 'Released'],
  capacity: ['Released'],
  Released: ['deleting'],
  deleting: ['finalizers', 'gone'],
  finalizers: ['finalizers', 'Released', 'gone'],
  gone: [],
};

/** Recordings call every volume `pvc-<uid>`: a volume's place in its life tells which one a line is about. */
export class VolumeNamer {
  readonly #live: { readonly name: string | undefined; stage: Stage }[] = [];
  #lastGone: string | undefined;

  claimGone(claim: string): void {
    this.#lastGone = `pv/of ${claim}`;
  }

  /** `pv/of CLAIM`; nothing for a volume that an earlier recording left behind. */
  name({ change = '', set = {} }: RecordedLine): string | undefined {
    if (set['metadata.name'] !== undefined) {
      const name = change === 'ADDED' ? `pv/of ${set['spec.claimRef.name']}` : undefined;
      this.#live.push({ name, stage: name === undefined ? 'Released' : 'made' });
      return name;
    }
    const stage = stageOf(change, set);
    const fitting = this.#live.filter((one) => follows[one.stage].includes(stage));
    const left = fitting.find(({ name }) => name === undefined);
    const found = left ?? fitting.find(({ name }) => name === this.#lastGone) ?? fitting[0];
    if (!found) throw new Error(`nobody's volume: ${change} ${JSON.stringify(set)}`);
    found.stage = stage;
    return found.name;
  }
}

function stageOf(change: string, set: Readonly<Record<string, unknown>>): Stage {
  if (change === 'DELETED') return 'gone';
  if (set['status.phase'] !== undefined) return set['status.phase'] as Stage;
  if (set['metadata.deletionTimestamp'] !== undefined) return 'deleting';
  return set['metadata.finalizers'] === undefined ? 'capacity' : 'finalizers';
}
