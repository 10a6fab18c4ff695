import type { LogOptions } from '../../node-api.ts';
import { parseCriLine } from './cri-line.ts';

/** Turns lines of a CRI log into what `kubectl logs` shows, within the limits asked for. */
export class LogFormatter {
  readonly #options: LogOptions;
  readonly #sinceMs: number;
  #left: number;
  #afterPartial = false;

  constructor(options: LogOptions, nowMs: number) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    const { sinceSeconds, sinceTime } = options;
    const bySeconds = sinceSeconds === undefined ? Number.NEGATIVE_INFINITY : nowMs - sinceSeconds * 1000;
    this.#sinceMs = sinceTime === undefined ? bySeconds : Date.parse(sinceTime);
  }

  /** The bytes limit is reached: nothing more will come. */
  get exhausted(): boolean {
    return this.#left <= 0;
  }

  /** What to show of one line (without its line end); undefined for nothing. */
  format(line: Buffer): Buffer | undefined {
    const parsed = parseCriLine(line);
    if (!parsed || this.exhausted) return undefined;
    if (Date.parse(parsed.time) < this.#sinceMs) return undefined;
    const parts: Buffer[] = [];
    if (this.#options.timestamps && !this.#afterPartial)
      parts.push(Buffer.from(`${parsed.time.replace(zeroOffset, 'Z')} `));
    parts.push(parsed.text);
    if (!parsed.partial) parts.push(lineEnd);
    this.#afterPartial = parsed.partial;
    const whole = Buffer.concat(parts);
    const shown = whole.length > this.#left ? whole.subarray(0, this.#left) : whole;
    this.#left -= shown.length;
    return shown;
  }
}

/** conmon writes UTC as +00:00; kubelet shows it as Go prints it. */
const zeroOffset = /\+00:00$/;

const lineEnd = Buffer.from('\n');
