import { resources, schemaFor, type ValidatingAdmissionPolicySpec } from '@berth/kube';
import { expect, test } from 'vitest';
import { builtInSchema } from '../../orchestrator/src/cel/admission/built-in-schema.ts';
import { type KindWorld, typeWarnings } from '../../orchestrator/src/cel/admission/type-check-policy.ts';
import { goldenFile } from './resource-rules.ts';

/** What the type checker of k8s.io/apiserver 0.36.3 warns of, for pods, deployments and config maps at once. */
interface Recording {
  readonly spec: ValidatingAdmissionPolicySpec;
  readonly cases: readonly { readonly expression: string; readonly warning: string }[];
}

const { spec, cases } = goldenFile<Recording>('type-checking.json');
const served = [resources.pods, resources.deployments, resources.configmaps];
const world: KindWorld = {
  kindsOf: (group, version, resource) =>
    served
      .filter((each) => (group === '' || each.group === group) && each.version === version && each.plural === resource)
      .map(({ group, version, kind }) => ({ group, version, kind })),
  schemaOf: ({ group, version, kind }) => {
    const schema = schemaFor(group, version, kind);
    return schema && builtInSchema(schema);
  },
};

for (const { expression, warning } of cases)
  test(`${expression} is warned of in upstream's words`, async () => {
    const [found] = await typeWarnings({ ...spec, validations: [{ expression }] }, world);
    // Types are named apart by numbers.
    expect((found?.warning ?? '').replace(/\b(Pod|Deployment|ConfigMap)\d+/g, '$1<n>')).toBe(warning);
  });
