import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { GrpcCode } from '@berth/protos';
import { type Check, codeOf, expectCode, fail } from '../check.ts';
import type { Subject } from '../subject.ts';

const create = ['controller:CREATE_DELETE_VOLUME'] as const;

/** One of each kind of character that a name may not hold. */
const forbidden = ['\u0000', '\u0007', '\u000b', '\u000c', '\u001b', '\u007f', '\u0085'];

/** Allowed, if unusual: tab, line feed, carriage return, combining marks, right-to-left, emoji, path segments, options. */
const unusual = [
  'a\tb\nc\rd',
  'e\u0301\u202e',
  '\u{1f600}\u{1f468}\u200d\u{1f469}',
  '..',
  '../../etc',
  '/',
  '-rf',
  "'; $(x)",
  '%2e%2e',
  'a,ro=1',
];

/** Sizes and characters of fields (CSI spec, "Field Requirements" and "Size Limits"). */
export const limitChecks: readonly Check[] = [
  {
    id: 'limits.name-of-128-bytes',
    section: 'Size Limits',
    rule: 'A name of 128 bytes is accepted, counted in bytes of UTF-8, and two of them are told apart by their last byte.',
    needs: create,
    run: async (subject) => {
      const stem = subject.name('ü');
      const longest = stem + 'ü'.repeat(Math.floor((127 - Buffer.byteLength(stem)) / 2));
      const names = ['a', 'b'].map((last) => longest + last.repeat(128 - Buffer.byteLength(longest)));
      await expectDistinct(subject, names);
    },
  },
  {
    id: 'limits.name-of-129-bytes',
    section: 'Size Limits',
    rule: 'A name longer than 128 bytes is INVALID_ARGUMENT, also when it has fewer characters.',
    needs: create,
    run: async (subject) => {
      for (const name of [subject.name().padEnd(129, 'x'), subject.name().padEnd(40) + 'ü'.repeat(45)])
        await refuses(subject, `a name of ${Buffer.byteLength(name)} bytes`, { name });
    },
  },
  {
    id: 'limits.parameters-over-4-kib',
    section: 'Size Limits',
    rule: 'A map of strings over 4 KiB in total is INVALID_ARGUMENT.',
    needs: create,
    run: async (subject) => {
      const parameters = { ...subject.volumes.parameters, filler: 'x'.repeat(4096) };
      await refuses(subject, 'parameters of 4 KiB', { parameters });
    },
  },
  {
    id: 'limits.mount-flags-over-4-kib',
    section: 'VolumeCapability',
    rule: 'Mount flags over 4 KiB in total are INVALID_ARGUMENT.',
    needs: [...create, 'filesystem'],
    run: async (subject) => {
      const mountFlags = Array.from({ length: 34 }, (_, index) => `x${index}`.padEnd(125, 'y'));
      const volumeCapabilities = [{ ...subject.capability(), mount: { mountFlags } }];
      await refuses(subject, 'mount flags of 4 KiB', { volumeCapabilities });
    },
  },
  {
    id: 'limits.long-id',
    section: 'Size Limits',
    rule: 'An id over 128 bytes is INVALID_ARGUMENT, or unknown: nothing else comes of it.',
    needs: create,
    run: async (subject) => {
      for (const volumeId of ['x'.repeat(129), 'x'.repeat(100_000)]) {
        const volumeCapabilities = [subject.capability()];
        const call = subject.controller.ValidateVolumeCapabilities({ volumeId, volumeCapabilities });
        await expectCode(`an id of ${volumeId.length} bytes`, call, 'INVALID_ARGUMENT', 'NOT_FOUND');
        const deletion = subject.controller.DeleteVolume({ volumeId });
        await expectCode(`the deletion of an id of ${volumeId.length} bytes`, deletion, 'INVALID_ARGUMENT', 'OK');
      }
    },
  },
  {
    id: 'limits.long-path',
    section: 'Size Limits',
    rule: 'Paths are exempt from the limit: a target path of 600 bytes is published.',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const staged = await subject.stage(await subject.create());
      const parent = join(subject.folder.directory('long'), 'd'.repeat(250), 'e'.repeat(250));
      mkdirSync(parent, { recursive: true });
      const target = join(parent, 'f'.repeat(90));
      await subject.node.NodePublishVolume(subject.publishRequest(staged, target));
      subject.writeContent(target, 1);
      await subject.unpublish(staged, target);
    },
  },
  {
    id: 'names.control-characters',
    section: 'CreateVolumeRequest.name',
    rule: 'Names with U+0000–0008, 000B, 000C, 000E–001F or 007F–009F are INVALID_ARGUMENT.',
    needs: create,
    run: async (subject) => {
      for (const character of forbidden) {
        const code = character.charCodeAt(0).toString(16).padStart(4, '0');
        await refuses(subject, `U+${code} in a name`, { name: `${subject.name()}${character}x` });
      }
    },
  },
  {
    id: 'names.any-unicode',
    section: 'CreateVolumeRequest.name',
    rule: 'Any other Unicode is accepted, and the same name is the same volume.',
    needs: create,
    run: async (subject) => {
      for (const part of unusual) {
        const request = subject.request({ name: `${part}${subject.name()}` });
        const first = await codeOf(subject.controller.CreateVolume(request));
        if (first !== 'OK') fail(`a name with ${JSON.stringify(part)} gives ${first}`);
        const again = await Promise.all(
          [1, 2].map(() => subject.controller.CreateVolume(request).catch(() => undefined)),
        );
        if (again.every((response) => !response)) fail(`the repetition of a name with ${JSON.stringify(part)} fails`);
      }
    },
  },
  {
    id: 'names.nothing-is-folded',
    section: 'CreateVolumeRequest.name',
    rule: 'Names that differ in case, in normalization or in a blank at the end are different volumes.',
    needs: create,
    run: async (subject) => {
      const stem = subject.name();
      await expectDistinct(subject, [`${stem}a`, `${stem}A`, `${stem}a `, `${stem}\u00e9`, `${stem}e\u0301`]);
    },
  },
  {
    id: 'names.id-is-not-the-name',
    section: 'Volume',
    rule: 'A volume is known by the id the plugin gives: at most 128 bytes, never empty.',
    needs: create,
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const bytes = Buffer.byteLength(volumeId);
      if (bytes === 0 || bytes > 128) fail(`the id has ${bytes} bytes`);
    },
  },
];

async function expectDistinct(subject: Subject, names: readonly string[]): Promise<void> {
  const ids = new Set<string>();
  for (const name of names) ids.add((await subject.create({ name })).volumeId);
  if (ids.size !== names.length) fail(`${names.length} names gave ${ids.size} volumes`);
}

async function refuses(
  subject: Subject,
  what: string,
  part: object,
  code: GrpcCode = 'INVALID_ARGUMENT',
): Promise<void> {
  await expectCode(what, subject.controller.CreateVolume(subject.request(part)), code);
}
