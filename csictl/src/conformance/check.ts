import { asGrpcError, type GrpcCode } from '@berth/protos';
import type { Subject } from './subject.ts';

/** A capability that a check is about, as the driver's services name them; or what the check itself needs. */
export type Need =
  | `controller:${string}`
  | `group:${string}`
  | `node:${string}`
  | `plugin:${string}`
  /** The driver's mounts are seen here and may be looked into. */
  | 'mounts'
  /** The volumes of this run are filesystems. */
  | 'filesystem';

/** One rule of the specification, and how to find out whether a driver keeps it. */
export interface Check {
  /** `group.what`, for --only. */
  readonly id: string;
  /** Where the specification says it. */
  readonly section: string;
  /** The rule in our words. */
  readonly rule: string;
  readonly needs?: readonly Need[];
  /** @throws CheckFailed – the rule is broken; CheckSkipped – this driver cannot be asked. */
  readonly run: (subject: Subject) => Promise<void>;
}

export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

export class CheckSkipped extends Error {
  override readonly name = 'CheckSkipped';
}

export function fail(message: string): never {
  throw new CheckFailed(message);
}

export function skip(reason: string): never {
  throw new CheckSkipped(reason);
}

/** @throws CheckFailed – it succeeded, or failed with another code. */
export async function expectCode(what: string, call: Promise<unknown>, ...codes: GrpcCode[]): Promise<void> {
  const code = await codeOf(call);
  if (!codes.includes(code)) fail(`${what} gives ${code}, not ${codes.join(' or ')}`);
}

/** OK, or the code of the error. */
export async function codeOf(call: Promise<unknown>): Promise<GrpcCode> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    return asGrpcError(error).code;
  }
}
