import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ApiError,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  decodeObject,
  schemaFor,
} from '@berth/kube';
import { expect, test } from 'vitest';

interface Case {
  readonly id: string;
  readonly request: { readonly contentType: string; readonly body: unknown };
  readonly status: number;
  readonly response: Record<string, unknown> & { message?: string };
}

/** Patches as pure functions against a real server's answers: what defaulting or validation adds is left to the server's own suite. */
const recorded = readFileSync(join(import.meta.dirname, 'patches.json'), 'utf8');
const { cases } = JSON.parse(recorded.replaceAll('"<time>"', '"2026-01-01T00:00:00Z"')) as { cases: Case[] };
const deployment = schemaFor('apps', 'v1', 'Deployment')!;
const answers = cases.filter(({ status }) => status === 200);
/** The object as the server had stored it: an answer to a patch that changed nothing. */
const base = answers.find(({ id }) => id === 'patch/jp-replace')!.response;

const apply = ({ request: { contentType, body } }: Case): unknown => {
  if (contentType.startsWith('application/json-patch')) return applyJsonPatch(base, body);
  if (contentType.startsWith('application/merge-patch')) return applyMergePatch(base, body);
  return applyStrategicMergePatch(base, body, deployment);
};

/** Without what the server itself writes, and what defaulting puts into new parts. */
function comparable(object: unknown): unknown {
  const { object: decoded } = decodeObject(deployment, object);
  const metadata = decoded['metadata'] as Record<string, unknown>;
  for (const name of ['managedFields', 'generation', 'resourceVersion']) delete metadata[name];
  if (metadata['annotations']) delete (metadata['annotations'] as Record<string, unknown>)['deployment.kubernetes.io/revision'];
  delete decoded['status'];
  return JSON.parse(JSON.stringify(decoded, (key, value) => (defaults.has(key) || isEmpty(value) ? undefined : value)));
}

const defaults = new Set(['terminationMessagePath', 'terminationMessagePolicy', 'imagePullPolicy', 'resources', 'protocol']);
defaults.add('revisionHistoryLimit');
const isEmpty = (value: unknown) => value === '' || (typeof value === 'object' && value !== null && !Object.keys(value).length);

for (const each of answers) {
  test(`${each.id} gives what the real server answers`, () => {
    expect(comparable(apply(each))).toEqual(comparable(each.response));
  });
}

const failures = ['patch/sm-missing-mergekey', 'patch/sm-bad-directive', 'patch/jp-missing-path', 'patch/jp-copy', 'patch/jp-bad-op'];
for (const each of cases.filter(({ id }) => failures.includes(id))) {
  test(`${each.id} is refused as the real server does`, () => {
    let thrown: unknown;
    try {
      apply(each);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ApiError);
    expect((thrown as ApiError).status).toEqual(each.response);
  });
}
