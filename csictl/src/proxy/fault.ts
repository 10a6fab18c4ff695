import { type GrpcCode, grpcCodes } from '@berth/protos';
import { findRpc, rpcs } from '../csi/rpc.ts';
import { CsictlError } from '../csictl-error.ts';
import { parseDuration } from '../parse-duration.ts';

/** What is done to a call on purpose. */
export type FaultKind =
  /** The driver does its work, and its caller never learns of it: no answer until it gives up, or `code` at once. */
  | { readonly kind: 'drop-reply'; readonly code?: GrpcCode }
  /** The driver never learns of the call; the caller as above. */
  | { readonly kind: 'drop-request'; readonly code?: GrpcCode }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The driver never learns of the call, the caller gets the code. */
  | { readonly kind: 'error'; readonly code: GrpcCode }
  /** The driver gets the call twice, one after the other; the caller has the second answer. */
  | { readonly kind: 'duplicate' };

export interface Fault {
  /** As it was written. */
  readonly text: string;
  /** A method, or `*`. */
  readonly method: string;
  /** The n-th call of it, from 1; every one where absent. */
  readonly nth?: number;
  readonly does: FaultKind;
}

const usage =
  'write METHOD:N:KIND, e.g. NodeStageVolume:3:drop-reply; N is a number or every, KIND is drop-reply[=CODE], drop-request[=CODE], delay=2s, error=CODE or duplicate';

/** `NodeStageVolume:3:drop-reply` as a fault. @throws CsictlError USAGE */
export function parseFault(text: string): Fault {
  const [method = '', nth = '', kind = '', ...rest] = text.split(':');
  if (rest.length > 0 || kind === '') throw refused(text, 'it has not three parts');
  const known = method === '*' ? '*' : (findRpc(method) ?? rpcs.find(({ command }) => command === method))?.method;
  if (known === undefined) throw refused(text, `there is no RPC ${JSON.stringify(method)}`);
  if (nth !== 'every' && !/^[1-9]\d{0,8}$/.test(nth))
    throw refused(text, `${JSON.stringify(nth)} is no number of a call`);
  const does = parseKind(text, kind);
  return { text, method: known, does, ...(nth === 'every' ? {} : { nth: Number(nth) }) };
}

function parseKind(text: string, kind: string): FaultKind {
  const [name, value] = kind.split('=', 2) as [string, string | undefined];
  if (name === 'duplicate' && value === undefined) return { kind: name };
  if (name === 'delay' && value !== undefined) return { kind: name, ms: durationOf(text, value) };
  if (name === 'error' && value !== undefined) return { kind: name, code: codeOf(text, value) };
  const code = value === undefined ? {} : { code: codeOf(text, value) };
  if (name === 'drop-reply') return { kind: name, ...code };
  if (name === 'drop-request') return { kind: name, ...code };
  throw refused(text, `there is no fault ${JSON.stringify(kind)}`);
}

function codeOf(text: string, value: string): GrpcCode {
  if (value !== 'OK' && Object.hasOwn(grpcCodes, value)) return value as GrpcCode;
  throw refused(text, `${JSON.stringify(value)} is no error's code`);
}

function durationOf(text: string, value: string): number {
  try {
    return parseDuration(value);
  } catch {
    throw refused(text, `${JSON.stringify(value)} is no duration`);
  }
}

function refused(text: string, why: string): CsictlError {
  return new CsictlError('USAGE', `--fault ${JSON.stringify(text)}: ${why}`, { hint: usage });
}

/** Says of each call, in the order they come, what is to be done to it. */
export class FaultPlan {
  readonly #faults: readonly Fault[];
  readonly #seen = new Map<Fault, number>();

  constructor(faults: readonly Fault[]) {
    this.#faults = faults;
  }

  /** The first fault that is meant for this call. */
  next(method: string): Fault | undefined {
    let chosen: Fault | undefined;
    for (const fault of this.#faults) {
      if (fault.method !== '*' && fault.method !== method) continue;
      const count = (this.#seen.get(fault) ?? 0) + 1;
      this.#seen.set(fault, count);
      if (fault.nth === undefined || fault.nth === count) chosen ??= fault;
    }
    return chosen;
  }

  /** Faults no call was the n-th of. */
  unused(): readonly Fault[] {
    return this.#faults.filter((fault) => (this.#seen.get(fault) ?? 0) < (fault.nth ?? 1));
  }
}
