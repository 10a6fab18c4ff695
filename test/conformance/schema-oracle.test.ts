import { decodeObject, decodeProtobuf, encodeProtobuf, schemas } from '@berth/kube';
import { afterAll, expect, test } from 'vitest';
import { checkDefinition } from '../../orchestrator/src/api-server/custom-resources/definition/check-definition.ts';
import type { JsonSchema } from '../../orchestrator/src/api-server/custom-resources/schema/json-schema.ts';
import { coerceEmbedded } from '../../orchestrator/src/api-server/custom-resources/values/coerce-metadata.ts';
import { Correlated } from '../../orchestrator/src/api-server/custom-resources/values/correlated.ts';
import { dropNulls, fillDefaults } from '../../orchestrator/src/api-server/custom-resources/values/default-values.ts';
import { embeddedErrors } from '../../orchestrator/src/api-server/custom-resources/values/embedded-errors.ts';
import { listTypeErrors } from '../../orchestrator/src/api-server/custom-resources/values/list-type-errors.ts';
import { prune } from '../../orchestrator/src/api-server/custom-resources/values/prune.ts';
import { fieldErrorsOf } from '../../orchestrator/src/api-server/custom-resources/values/schema-result.ts';
import { ValueValidator } from '../../orchestrator/src/api-server/custom-resources/values/validate-value.ts';
import type { AnyObject, FieldError } from '../../orchestrator/src/api-server/resource-definition.ts';
import { customResourceRules } from '../../orchestrator/src/api-server/resources/extensions/custom-resource-definition.ts';
import { validateObjectMeta } from '../../orchestrator/src/api-server/resources/metadata.ts';
import { toWireForm } from '../../orchestrator/src/api-server/resources/wire-form.ts';
import { SchemaOracle } from '../harness/schema-oracle.ts';
import { aDefinition, definitionChanges, specSchemas, specValues } from './schema-cases.ts';

const definitionType = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition';
const oracle = new SchemaOracle();
afterAll(() => oracle[Symbol.dispose]());

function texts(errors: readonly Pick<FieldError, 'field' | 'message'>[]): string[] {
  return errors.map(({ field, message }) => `${field}: ${message}`).sort();
}

async function ours(definition: object): Promise<string[]> {
  const object = structuredClone(definition) as AnyObject;
  customResourceRules.rules?.default?.(object);
  const versions = object['spec'].versions as { name: string; storage: boolean }[];
  object['status'] = {
    storedVersions: versions
      .filter(({ storage }) => storage)
      .map(({ name }) => name)
      .slice(-1),
  };
  const errors = await checkDefinition(object, undefined, { endpoint: 'main', warn: () => undefined });
  return texts([...validateObjectMeta(object, false, 'dnsSubdomain'), ...errors]);
}

function asStored(definition: object): AnyObject {
  const { object } = decodeObject(schemas.get(definitionType), JSON.parse(JSON.stringify(definition)));
  toWireForm(object as AnyObject, definitionType);
  return object as AnyObject;
}

async function expectSame(definition: object): Promise<void> {
  const { errors, failure, protobuf = '' } = await oracle.ask({ definition });
  expect(failure).toBeUndefined();
  expect(await ours(definition)).toEqual(texts(errors ?? []));
  const object = asStored(definition);
  const written = await encodeProtobuf(object as { apiVersion: string; kind: string });
  expect(Buffer.from(written ?? []).toString('base64')).toBe(protobuf);
  const read = asStored((await decodeProtobuf(Buffer.from(protobuf, 'base64'))).object);
  // Protobuf knows no list that is there and empty.
  if (object['spec'].versions.length === 0) object['spec'].versions = null;
  expect(read).toEqual(object);
}

for (const [name, schema] of Object.entries(specSchemas))
  test(`a definition whose spec is "${name}" gets upstream's answer`, () => expectSame(aDefinition(schema)));

for (const [name, change] of Object.entries(definitionChanges))
  test(`a definition with "${name}" gets upstream's answer`, () => {
    const definition = aDefinition();
    change(definition);
    return expectSame(definition);
  });

const root = (spec: unknown): JsonSchema => ({ type: 'object', properties: { spec: spec as JsonSchema } });
const anObject = (spec: unknown) =>
  ({ apiVersion: 'stable.example.com/v1', kind: 'Foo', metadata: { name: 'a' }, spec }) as unknown as AnyObject;

function settled(spec: unknown, schema: JsonSchema) {
  const object = structuredClone(anObject(spec));
  const pruned = prune(object, schema, true);
  dropNulls(object, schema);
  const wrong = coerceEmbedded(object, schema, '', { strict: true, unknown: [] });
  fillDefaults(object, schema);
  return { object, pruned, failure: wrong && `${wrong.field}: ${wrong.message}` };
}

for (const [name, spec, values, before] of specValues)
  for (const value of values)
    test(`${name}: ${JSON.stringify(value)}${before === undefined ? '' : ' in place of what was there'} gets upstream's answer`, async () => {
      const schema = root(spec);
      const old = before === undefined ? undefined : settled(before, schema).object;
      const asked = { schema, object: anObject(value), ...(before === undefined ? {} : { old: anObject(before) }) };
      const theirs = await oracle.ask(asked);
      const { object, pruned, failure } = settled(value, schema);
      expect(failure).toBe(theirs.failure);
      if (failure !== undefined) return;
      expect(object).toEqual(theirs.object);
      expect(pruned).toEqual(theirs.pruned ?? []);
      const errors = fieldErrorsOf(
        new ValueValidator(schema).validate(object, old && new Correlated(object, old, schema)),
        '',
      );
      const lists = old && listTypeErrors(old, schema, '').length > 0 ? [] : listTypeErrors(object, schema, '');
      expect(texts([...errors, ...lists, ...embeddedErrors(object, schema, '')])).toEqual(texts(theirs.errors ?? []));
    });
