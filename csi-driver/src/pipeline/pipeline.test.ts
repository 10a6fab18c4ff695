import { createLogger, FakeClock, Guard } from '@berth/kit';
import { csiNode, csiRoot } from '@berth/protos';
import { expect, test } from 'vitest';
import { limitsOf } from './limits.ts';
import { handlersOf } from './pipeline.ts';
import { redactorOf } from './redact.ts';
import { asCsiError } from './wire-error.ts';

const typeOf = (name: string) => csiRoot.lookupType(`csi.v1.${name}`);

test('secrets, mount flags and values of contexts are not in what is logged', () => {
  const redacted = redactorOf(typeOf('NodePublishVolumeRequest'))({
    volumeId: 'v-1',
    secrets: { password: 'hunter2' },
    volumeContext: { 'x/serviceAccount.tokens': 'hunter2' },
    volumeCapability: { mount: { fsType: 'ext4', mountFlags: ['password=hunter2'] } },
  });
  expect(JSON.stringify(redacted)).not.toContain('hunter2');
  expect(redacted).toMatchObject({ volumeId: 'v-1', volumeCapability: { mount: { fsType: 'ext4' } } });
});

test('no secret reaches the log of a call that fails', async () => {
  const lines: string[] = [];
  const log = createLogger({ level: 'debug', now: () => 0, write: (line) => lines.push(line) });
  const run = () => Promise.reject(new Error('disk on fire'));
  const options = { clock: new FakeClock(), guard: new Guard(), log, logRequests: true };
  const handlers = handlersOf(csiNode, { NodeStageVolume: { run } }, options);
  const request = { volumeId: 'v-1', secrets: { key: 'hunter2' } } as never;
  const call = handlers.NodeStageVolume?.(request, { method: '', signal: new AbortController().signal });
  await expect(call).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('disk on fire') });
  expect(lines.join('')).toContain('v-1');
  expect(lines.join('')).not.toContain('hunter2');
});

const limits: [what: string, message: object][] = [
  ['a string of 129 bytes', { volumeId: 'x'.repeat(129) }],
  ['an id of 65 two-byte characters', { volumeId: 'é'.repeat(65) }],
  ['a map over 4 KiB', { volumeContext: { k: 'x'.repeat(4096) } }],
  ['mount flags over 4 KiB', { volumeCapability: { mount: { mountFlags: ['x'.repeat(2049), 'y'.repeat(2049)] } } }],
  ['a nested string of 129 bytes', { volumeCapability: { mount: { fsType: 'x'.repeat(129) } } }],
  ['a path over PATH_MAX', { targetPath: `/${'x'.repeat(4096)}` }],
  ['a path with "." in it', { targetPath: '/a/./b' }],
];

for (const [what, message] of limits) {
  test(`${what} is INVALID_ARGUMENT`, () => {
    const check = limitsOf(typeOf('NodePublishVolumeRequest'));
    expect(() => check(message)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        // Fields have the names of the specification.
        message: expect.stringMatching(/^(volume_id|volume_context|target_path|volume_capability\.mount\.\w+_\w+) /),
      }),
    );
  });
}

test('a path of 1000 bytes and a string of 128 are fine', () => {
  const check = limitsOf(typeOf('NodePublishVolumeRequest'));
  expect(() => check({ targetPath: `/${'x'.repeat(999)}`, volumeId: 'x'.repeat(128) })).not.toThrow();
});

test.each([
  ['ENOSPC', 'RESOURCE_EXHAUSTED'],
  ['EDQUOT', 'RESOURCE_EXHAUSTED'],
  ['Full', 'RESOURCE_EXHAUSTED'],
  ['Damaged', 'DATA_LOSS'],
  ['EIO', 'INTERNAL'],
])('%s of the machine is %s on the wire', (code, wire) => {
  expect(asCsiError(Object.assign(new Error('x'), { code, errno: -1 })).code).toBe(wire);
});

test('what cannot be written to a filesystem that is read-only says so, and what to do', () => {
  const error = Object.assign(new Error('EROFS: read-only file system, open x'), { code: 'EROFS', errno: -30 });
  expect(asCsiError(error)).toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringMatching(/open x; .*mounted read-only.*NodeGetStorageHealth.*mount it read-write/),
  });
});

test('a caller that leaves is CANCELLED, and no bug', () => {
  expect(asCsiError(AbortSignal.abort().reason)).toMatchObject({ code: 'CANCELLED', message: 'the caller has left' });
});
