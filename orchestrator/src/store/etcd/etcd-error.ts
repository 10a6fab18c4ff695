import { X509Certificate } from 'node:crypto';
import { asGrpcError, type GrpcError } from '@berth/protos';
import { StoreError } from '../store-error.ts';

/**
 * What is known of a call that failed: `refused` is final, `undone` means that it was never carried out and may be tried
 * elsewhere, `unknown` that it may have been, or may still be.
 */
export type Fate = 'refused' | 'undone' | 'unknown';

/** Texts are etcd's protocol here: its codes alone do not tell these apart (etcd api/v3rpc/rpctypes/error.go). */
const undone: readonly string[] = [
  'etcdserver: no leader',
  'etcdserver: not leader',
  'etcdserver: rpc not supported for learner',
  'etcdserver: too many requests',
  'etcdserver: too many operations in txn request',
  'etcdserver: unhealthy cluster',
  // grpc-js, of a connection that could not be made.
  'No connection established',
];

const outOfRoom = 'etcdserver: mvcc: database space exceeded';
const tooLarge = 'etcdserver: request is too large';

export function fateOf(error: unknown): Fate {
  const { code, message } = asGrpcError(error);
  if (undone.some((text) => message.startsWith(text))) return 'undone';
  if (message === outOfRoom) return 'refused';
  switch (code) {
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED':
    case 'CANCELLED':
    case 'UNKNOWN':
    case 'INTERNAL':
    case 'ABORTED':
    case 'RESOURCE_EXHAUSTED':
      return 'unknown';
    default:
      return 'refused';
  }
}

/** A final failure in the store's words. */
export function storeErrorOf(error: unknown): StoreError {
  const cause = asGrpcError(error);
  if (cause.message === outOfRoom)
    return new StoreError(
      'Full',
      'etcd: no space left (mvcc: database space exceeded); compact and defragment it, and disarm its alarm',
      {
        cause,
      },
    );
  if (cause.message === tooLarge) return new StoreError('TooLarge', cause.message, { cause });
  if (cause.code === 'OUT_OF_RANGE')
    return new StoreError(isCompacted(cause) ? 'Compacted' : 'Future', cause.message, { cause });
  if (cause.code === 'DATA_LOSS') return new StoreError('Corrupt', `etcd: ${cause.message}`, { cause });
  return new StoreError('Unusable', `etcd: ${cause.message} (${cause.code})`, { cause });
}

function isCompacted(error: GrpcError): boolean {
  return error.message.includes('required revision has been compacted');
}

export function isLeaseGone(error: unknown): boolean {
  return error instanceof StoreError && /requested lease not found/.test(error.message);
}

/** What TLS says, and what it means to who runs an API server (OpenSSL's alerts, Node's words for X509_V_ERR_*). */
const tlsWords: readonly (readonly [RegExp, string])[] = [
  [
    /alert (bad certificate|certificate required|unknown ca|unknown certificate|certificate expired|certificate unknown)/,
    'it does not take our certificate ($1$expired): see --etcd-certfile and --etcd-keyfile',
  ],
  [
    /^(unable to verify the first certificate|self[- ]signed certificate[a-z ]*|unable to get (local )?issuer certificate)/,
    'its certificate is of an authority that is not trusted ($1): see --etcd-cafile',
  ],
  [/^certificate (has expired|is not yet valid)/, 'its certificate $1'],
  [/:SSL routines:[^:]*:wrong version number/, 'it does not speak TLS: is it http?'],
];

/**
 * Why there is no connection, without what grpc-js and OpenSSL put around it. `ours`: the certificate that was shown; etcd
 * calls one that has expired just bad.
 */
export function connectionWords(message: string, ours?: { readonly cert: Buffer; readonly nowMs: number }): string {
  const bare = message
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/\.? Resolution note:.*$/s, '')
    .replace(/\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, '');
  for (const [pattern, words] of tlsWords) {
    const found = pattern.exec(bare);
    if (found) return words.replace('$1', found[1] ?? '').replace('$expired', ours ? expiry(ours) : '');
  }
  return bare;
}

function expiry({ cert, nowMs }: { readonly cert: Buffer; readonly nowMs: number }): string {
  const { validToDate } = new X509Certificate(cert);
  return validToDate.getTime() < nowMs ? `; it expired on ${validToDate.toISOString()}` : '';
}
