import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeObject,
  decodeProtobuf,
  encodeProtobuf,
  type ObjectSchema,
  parseJsonStrict,
  schemaFor,
} from '@berth/kube';
import { expect, test } from 'vitest';
import { readYaml } from '../../orchestrator/src/api-server/decoding/yaml-text.ts';
import type { AnyObject } from '../../orchestrator/src/api-server/resource-definition.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { toWireForm } from '../../orchestrator/src/api-server/resources/wire-form.ts';
import { goModule } from '../harness/go-program.ts';

/**
 * k8s.io/api's own fixtures: an object of each kind with all its fields, as JSON, YAML and protobuf. All three are the same
 * object to us, and we write it as Go does. What older releases wrote is read too; where fields are gone or came since, a
 * file says what is written (`after_roundtrip`).
 */
const fixtures = join(goModule('k8s.io/api@v0.36.3'), 'testdata');

/** Reading those takes seconds in all: of older releases by request. */
const largeYaml = 32 * 1024;
const everyFixture = process.env['BERTH_EVERY_FIXTURE'] === '1';

/** Kinds without a body that a server reads or writes in all three forms. Older versions have no schema, as they are served no more. */
const unserved: readonly (readonly [RegExp, string])[] = [
  [/^admission\.k8s\.io\./, 'sent to webhooks, as JSON'],
  [/^imagepolicy\.k8s\.io\./, 'sent to a webhook of a plugin that is off by default'],
  [/^apidiscovery\.k8s\.io\./, 'written only, as JSON'],
  [/^core\.v1\.WatchEvent$/, 'it comes in frames, without a kind of its own'],
  [/^core\.v1\.(?!DeleteOptions)\w+Options$/, 'read from the query'],
  [/^core\.v1\.(PodStatusResult|RangeAllocation|SerializedReference)$/, 'no server has an endpoint for it'],
  [/^(apps|extensions|[a-z.]+\.k8s\.io|[a-z]+)\.v\d+(alpha|beta)\d+\./, 'no server of this release has the version'],
];

interface Fixture {
  readonly release: string;
  /** `apps.v1.Deployment` */
  readonly name: string;
  readonly schema: ObjectSchema;
  readonly read: (extension: string) => Buffer;
  /** What comes back. */
  readonly written: (extension: string) => Buffer;
  /** Fields are gone since. */
  readonly changed: boolean;
}

const releases = readdirSync(fixtures).filter((name) => name === 'HEAD' || /^v1\./.test(name));
const filesOf = new Map(releases.map((release) => [release, new Set(readdirSync(join(fixtures, release)))]));

function read(release: string, name: string, extension: string): Buffer {
  return readFileSync(join(fixtures, release, `${name}.${extension}`));
}

/** The kinds of a release; of older ones those that it wrote in another way than this one. */
function namesIn(release: string): string[] {
  const files = [...(filesOf.get(release) ?? [])].filter((file) => /\.json$/.test(file));
  const names = files.map((file) => file.slice(0, -'.json'.length)).filter((name) => !/after_roundtrip$/.test(name));
  const same = (name: string) =>
    release !== 'HEAD' &&
    filesOf.get('HEAD')?.has(`${name}.json`) === true &&
    ['json', 'yaml', 'pb'].every((each) => read(release, name, each).equals(read('HEAD', name, each)));
  return names.filter((name) => !same(name));
}

function schemaOf(name: string): ObjectSchema | undefined {
  const [, group, version, kind] = /^(.*)\.(v\d\w*)\.(\w+)$/.exec(name) as unknown as [string, string, string, string];
  return schemaFor(group === 'core' ? '' : group, version, kind);
}

function fixtureOf(release: string, name: string, schema: ObjectSchema): Fixture {
  const has = (file: string) => filesOf.get(release)?.has(`${name}.${file}`) === true;
  const after = (extension: string) => `after_roundtrip.${extension}`;
  return {
    release,
    name,
    schema,
    read: (extension) => read(release, name, extension),
    written: (extension) => read(release, name, has(after(extension)) ? after(extension) : extension),
    changed: has(after('json')),
  };
}

for (const release of releases)
  for (const name of namesIn(release)) {
    const schema = schemaOf(name);
    const why = unserved.find(([names]) => names.test(name))?.[1];
    if (schema && !/^core\.v1\.WatchEvent$/.test(name))
      test(`${release} ${name} is one object in all forms, and written as Go does`, () =>
        roundTrips(fixtureOf(release, name, schema)));
    else
      test(`${release} ${name} is not served: ${why}`, () => {
        expect(why).toBeDefined();
        expect(servedKinds).not.toContain(name);
      });
  }

/** With the kinds of subresources, but for options of connections. */
const servedKinds = definitions
  .flatMap((each) => [each, ...each.subresources])
  .map(({ group, version, kind }) => `${group === '' ? 'core' : group}.${version}.${kind}`)
  .filter((name) => !/^core\.v1\.\w+Options$/.test(name));

/** As a request's body is read, and an answer written. */
function through({ schema, changed }: Fixture, value: unknown): AnyObject {
  const { object, unknownFields } = decodeObject(schema, value);
  if (!changed) expect(unknownFields).toEqual([]);
  toWireForm(object as AnyObject, schema.name);
  return object as AnyObject;
}

async function roundTrips(fixture: Fixture): Promise<void> {
  const { value, duplicateFields } = parseJsonStrict(fixture.read('json').toString());
  expect(duplicateFields).toEqual([]);
  const object = through(fixture, value);
  expect(object).toEqual(JSON.parse(fixture.written('json').toString()));
  const yaml = fixture.read('yaml').toString();
  if (fixture.release === 'HEAD' || yaml.length < largeYaml || everyFixture)
    expect(through(fixture, (await readYaml(yaml, new AbortController().signal)).value)).toEqual(object);
  const body = await decodeProtobuf(fixture.read('pb'));
  expect(through(fixture, body.object)).toEqual(object);
  const written = await encodeProtobuf(object as { apiVersion: string; kind: string });
  expect(hex(written)).toBe(hex(fixture.written('pb')));
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}
