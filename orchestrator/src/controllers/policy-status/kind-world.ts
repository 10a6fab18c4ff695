import { type CustomResourceDefinition, type ResourceType, resources, schemaFor, schemas } from '@berth/kube';
import type { JsonSchema } from '../../api-server/custom-resources/schema/json-schema.ts';
import { builtInSchema } from '../../cel/admission/built-in-schema.ts';
import type { KindWorld, PolicyKind } from '../../cel/admission/type-check-policy.ts';

const builtIn: readonly ResourceType[] = Object.values(resources);
const text: JsonSchema = { type: 'string' };

interface CustomKind extends PolicyKind {
  readonly names: readonly (string | undefined)[];
  readonly schema: () => JsonSchema;
}

/** The kinds that are built in, and those of definitions. */
export function kindWorld(definitions: readonly CustomResourceDefinition[]): KindWorld {
  const custom = definitions.flatMap(customKinds);
  return {
    kindsOf: (group, version, resource) => {
      const name = resource.toLowerCase();
      const isIt = (each: PolicyKind) => (group === '' || each.group === group) && each.version === version;
      return [
        ...builtIn.filter((each) => isIt(each) && (each.plural === name || each.kind.toLowerCase() === name)),
        ...custom.filter((each) => isIt(each) && each.names.includes(name)),
      ].map(({ group, version, kind }) => ({ group, version, kind }));
    },
    schemaOf: ({ group, version, kind }) => {
      const known = schemaFor(group, version, kind);
      if (known) return builtInSchema(known);
      return custom.find((each) => each.group === group && each.version === version && each.kind === kind)?.schema();
    },
  };
}

function customKinds({ spec, status }: CustomResourceDefinition): CustomKind[] {
  if (!status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True')) return [];
  const { plural, singular, kind } = status.acceptedNames ?? spec.names;
  const served = (spec.versions ?? []).filter((version) => version.served);
  return served.map(({ name, schema }) => ({
    group: spec.group,
    version: name,
    kind,
    names: [plural, singular],
    schema: () => published(schema?.openAPIV3Schema as JsonSchema | undefined),
  }));
}

/** With what every resource has (apiextensions openapi builder). */
function published(schema: JsonSchema | undefined): JsonSchema {
  if (!schema) return { type: 'object' };
  const metadata = builtInSchema(schemas.get('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'));
  return { ...schema, properties: { ...schema.properties, apiVersion: text, kind: text, metadata } };
}
