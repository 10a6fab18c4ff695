import { ApiError } from '@berth/kube';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import { durationMs } from './go-duration.ts';
import { timeoutOf } from './http/request-deadline.ts';
import { listOptionsOf } from './list-options.ts';
import { negotiate } from './representation/negotiate.ts';
import { writeOptionsOf } from './write-options.ts';

/** More of them look longer: `FUZZ_RUNS=10000`. */
fc.configureGlobal({ numRuns: Number(process.env['FUZZ_RUNS'] ?? 200) });

/** Whatever it does, it does, or refuses in the API's terms. */
function answers(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    expect(error.status.code).toBeLessThan(500);
  }
}

const names = [
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'timeoutSeconds',
  'watch',
  'sendInitialEvents',
  'allowWatchBookmarks',
  'labelSelector',
  'fieldSelector',
  'dryRun',
  'fieldManager',
  'fieldValidation',
  'force',
  'timeout',
  'pretty',
];
const value = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '1',
    '-1',
    '1e9',
    '0x10',
    '99999999999999999999',
    'true',
    'TRUE',
    'All',
    'Exact',
    'NotOlderThan',
    'Strict',
    'Warn',
    'a b',
    '\0',
    '1h',
    '-1h',
    '1.5s',
    '\u{1f4a9}',
  ),
  fc.string(),
);
const query = fc
  .array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 6 })
  .map((pairs) => new URLSearchParams(pairs));

test('no query is more than refused', () => {
  fc.assert(
    fc.property(query, fc.constantFrom('list', 'watch'), (asked, verb) => answers(() => listOptionsOf(asked, verb))),
  );
  const kinds = fc.constantFrom('CreateOptions', 'UpdateOptions', 'PatchOptions');
  fc.assert(fc.property(query, kinds, (asked, kind) => answers(() => writeOptionsOf(asked, kind).asObject())));
  fc.assert(fc.property(query, (asked) => answers(() => writeOptionsOf(asked, 'PatchOptions', 'apply'))));
  fc.assert(fc.property(query, (asked) => answers(() => timeoutOf(asked, 1000))));
});

test('a continue token is read as it was written, and no other text is more than refused', () => {
  const key = fc
    .string({ unit: fc.constantFrom('a', '/', '-', '.', '0', 'é'), maxLength: 20 })
    // No key has such steps, or two slashes after another.
    .filter((text) => !`/${text}`.includes('//') && text.split('/').every((step) => step !== '..' && step !== '.'));
  fc.assert(
    fc.property(fc.integer({ min: 1 }), key, (revision, after) => {
      expect(decodeContinue(encodeContinue({ revision, after }))).toEqual({ revision, after });
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => answers(() => decodeContinue(text))));
  fc.assert(fc.property(fc.json(), (json) => answers(() => decodeContinue(Buffer.from(json).toString('base64url')))));
});

test('no Accept header and no duration is more than refused', () => {
  const piece = fc.constantFrom(
    'application/json',
    '*/*',
    ';',
    ',',
    '=',
    'as=Table',
    'g=meta.k8s.io',
    'v=v1',
    'q=0',
    'q=x',
    'application/yaml',
    ' ',
    '"',
    'application/vnd.kubernetes.protobuf',
  );
  const header = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 10 }).map((all) => all.join('')),
  );
  fc.assert(fc.property(header, (accept) => answers(() => negotiate(accept))));
  const unit = fc.constantFrom('1', '.', 'h', 'm', 's', 'ms', 'us', 'µs', 'ns', '-', '+', '9999999999');
  const duration = fc.oneof(
    fc.string(),
    fc.array(unit, { maxLength: 8 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(duration, (text) => {
      const ms = durationMs(text);
      expect(ms === undefined || Number.isFinite(ms)).toBe(true);
    }),
  );
});
